//! The sink's side of the conversation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::in_hand::InHand;
use super::log::{EventLog, SinkEvent};
use super::rules::{Action, Moment, Rules};

/// What all conversations of a sink share.
pub struct Shared {
    pub rules: Rules,
    pub log: EventLog,
    pub started: Instant,
    /// Before the answer to every final dot.
    pub answer_after: Duration,
    pub starttls: Option<TlsAcceptor>,
    /// `user:password`, demanded before `MAIL`.
    pub login: Option<String>,
    pub in_hand: InHand,
    pub connections: AtomicUsize,
    /// Whether the names of header lines are logged.
    pub keep_headers: AtomicBool,
}

const LINE_MAX: u64 = 64 * 1024;

pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {
    /// What closes it says RST instead of FIN.
    fn reset_on_close(&self) -> std::io::Result<()>;
}

impl Wire for TcpStream {
    fn reset_on_close(&self) -> std::io::Result<()> {
        self.set_zero_linger()
    }
}

impl Wire for TlsStream<TcpStream> {
    fn reset_on_close(&self) -> std::io::Result<()> {
        self.get_ref().0.set_zero_linger()
    }
}

struct Conversation<'a, S> {
    wire: BufStream<S>,
    shared: &'a Shared,
    connection: usize,
    from: Option<String>,
    to: Option<String>,
    recipients: usize,
    logged_in: bool,
    /// Before each byte of an answer.
    pace: Option<Duration>,
}

/// What a mail told about itself.
#[derive(Default)]
struct Taken {
    message: Option<String>,
    headers: Vec<String>,
    sha256: Vec<String>,
}

/// Why a conversation ended.
enum End {
    Quit,
    Upgrade,
}

/// Speaks until the client quits or a rule ends it. `implicit`: under TLS from the first byte.
pub async fn converse(stream: TcpStream, implicit: Option<TlsAcceptor>, shared: Arc<Shared>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let connection = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
    let mut talk = Conversation::new(stream, &shared, connection);
    if let Some(acceptor) = implicit {
        let Some(mut talk) = talk.under_tls(&acceptor).await? else { return Ok(()) };
        return match talk.greet().await? {
            true => Ok(()),
            false => talk.listen(false).await.map(drop),
        };
    }
    if talk.greet().await? {
        return Ok(());
    }
    if let End::Upgrade = talk.listen(true).await?
        && let Some(acceptor) = &shared.starttls
        && let Some(mut talk) = talk.under_tls(acceptor).await?
    {
        talk.listen(false).await?;
    }
    Ok(())
}

impl<'a> Conversation<'a, TcpStream> {
    /// Shakes hands; `None` where a rule ended it.
    async fn under_tls(
        mut self,
        acceptor: &TlsAcceptor,
    ) -> std::io::Result<Option<Conversation<'a, TlsStream<TcpStream>>>> {
        if self.act(Moment::Tls).await? {
            return Ok(None);
        }
        let stream = acceptor.accept(self.wire.into_inner()).await?;
        Ok(Some(Conversation::new(stream, self.shared, self.connection)))
    }
}

impl<'a, S: Wire> Conversation<'a, S> {
    fn new(stream: S, shared: &'a Shared, connection: usize) -> Self {
        let wire = BufStream::new(stream);
        Self { wire, shared, connection, from: None, to: None, recipients: 0, logged_in: false, pace: None }
    }

    async fn greet(&mut self) -> std::io::Result<bool> {
        Ok(self.act(Moment::Connect).await? || self.say("220 sink ready").await.map(|()| false)?)
    }

    async fn listen(&mut self, may_upgrade: bool) -> std::io::Result<End> {
        loop {
            let Some(line) = self.hear().await? else { return Ok(End::Quit) };
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let over = match verb.as_str() {
                "EHLO" | "HELO" => self.ehlo(may_upgrade).await?,
                "STARTTLS" if may_upgrade && self.shared.starttls.is_some() => {
                    if !self.act(Moment::Starttls).await? {
                        self.say("220 go ahead").await?;
                        return Ok(End::Upgrade);
                    }
                    true
                }
                "AUTH" => self.auth(&line).await?,
                "MAIL" => self.mail(&line).await?,
                "RCPT" => self.rcpt(&line).await?,
                "DATA" => self.data().await?,
                "RSET" => {
                    self.forget();
                    self.say("250 reset").await?;
                    false
                }
                "NOOP" => self.say("250 fine").await.map(|()| false)?,
                "QUIT" => {
                    self.say("221 bye").await?;
                    return Ok(End::Quit);
                }
                _ => self.say("500 5.5.1 what?").await.map(|()| false)?,
            };
            if over {
                return Ok(End::Quit);
            }
        }
    }

    async fn ehlo(&mut self, may_upgrade: bool) -> std::io::Result<bool> {
        if self.act(Moment::Ehlo).await? {
            return Ok(true);
        }
        let mut offers = vec!["250-sink", "250-PIPELINING", "250-8BITMIME"];
        if may_upgrade && self.shared.starttls.is_some() {
            offers.push("250-STARTTLS");
        }
        if self.shared.login.is_some() {
            offers.push("250-AUTH PLAIN LOGIN");
        }
        offers.push("250 ENHANCEDSTATUSCODES");
        self.say(&offers.join("\r\n")).await.map(|()| false)
    }

    async fn auth(&mut self, line: &str) -> std::io::Result<bool> {
        if self.act(Moment::Auth).await? {
            return Ok(true);
        }
        let given = line.split_whitespace().nth(2).and_then(|word| STANDARD.decode(word).ok()).unwrap_or_default();
        let given: Vec<&[u8]> = given.split(|byte| *byte == 0).skip(1).collect();
        let expected = self.shared.login.as_deref().and_then(|login| login.split_once(':'));
        self.logged_in = expected.is_some_and(|(user, password)| given == [user.as_bytes(), password.as_bytes()]);
        self.say(if self.logged_in { "235 2.7.0 welcome" } else { "535 5.7.8 bad credentials" }).await.map(|()| false)
    }

    async fn mail(&mut self, line: &str) -> std::io::Result<bool> {
        if self.act(Moment::Mail).await? {
            return Ok(true);
        }
        if self.shared.login.is_some() && !self.logged_in {
            return self.say("530 5.7.0 authenticate first").await.map(|()| false);
        }
        self.from = Some(address(line));
        self.say("250 2.1.0 sender fine").await.map(|()| false)
    }

    async fn rcpt(&mut self, line: &str) -> std::io::Result<bool> {
        if self.from.is_none() {
            return self.say("503 5.5.1 MAIL first").await.map(|()| false);
        }
        self.to = Some(address(line));
        match self.take(Moment::Rcpt).await? {
            Some(Action::Reply(reply)) => {
                self.to = None;
                self.say(&reply).await.map(|()| false)
            }
            Some(action) if self.perform(&action).await? => Ok(true),
            _ => {
                self.recipients += 1;
                self.say("250 2.1.5 recipient fine").await.map(|()| false)
            }
        }
    }

    async fn data(&mut self) -> std::io::Result<bool> {
        if self.to.is_none() {
            return self.say("503 5.5.1 RCPT first").await.map(|()| false);
        }
        match self.take(Moment::Data).await? {
            Some(Action::Reply(reply)) => return self.say(&reply).await.map(|()| false),
            Some(action) if self.perform(&action).await? => return Ok(true),
            _ => {}
        }
        // Until it is answered: who keeps to so many connections has at most so many here.
        let in_hand = self.shared.in_hand.enter();
        self.say("354 go on").await?;
        let Some(message) = self.content().await? else { return Ok(true) };
        let action = self.take(Moment::Dot).await?;
        tokio::time::sleep(self.shared.answer_after).await;
        let reply = match action {
            None => {
                self.accept(message).await?;
                "250 2.0.0 taken".to_owned()
            }
            Some(Action::Reply(reply)) => reply,
            Some(Action::AcceptReplying(reply)) => {
                self.accept(message).await?;
                reply
            }
            Some(Action::AcceptReplyingRaw(bytes)) => {
                self.accept(message).await?;
                self.say_raw(&bytes).await?;
                self.forget();
                return Ok(false);
            }
            Some(action @ (Action::AcceptAfterMs(_) | Action::DelayMs(_) | Action::SlowlyMs(_))) => {
                self.accept(message).await?;
                self.perform(&action).await?;
                "250 2.0.0 taken, late".to_owned()
            }
            Some(Action::AcceptAndClose) => {
                self.accept(message).await?;
                return Ok(true);
            }
            Some(Action::AcceptAndReset) => {
                self.accept(message).await?;
                return self.perform(&Action::Reset).await;
            }
            Some(action) => return self.perform(&action).await,
        };
        drop(in_hand);
        self.say(&reply).await?;
        self.forget();
        Ok(false)
    }

    fn forget(&mut self) {
        (self.from, self.to, self.recipients) = (None, None, 0);
    }

    /// Reads up to the final dot; answers the message id found in the header, and what the header's lines are called.
    async fn content(&mut self) -> std::io::Result<Option<Taken>> {
        let mut taken = Taken::default();
        let mut hash = Sha256::new();
        let mut line_end: &[u8] = b"";
        let mut in_head = self.shared.keep_headers.load(Ordering::Relaxed);
        loop {
            let Some(line) = self.hear().await? else { return Ok(None) };
            if line == "." {
                let ended = hash.clone().chain_update(line_end);
                taken.sha256 = [hash, ended].map(|hash| hex::encode(hash.finalize())).to_vec();
                return Ok(Some(taken));
            }
            hash.update(line_end);
            hash.update(line.strip_prefix('.').unwrap_or(&line));
            line_end = b"\r\n";
            if let Some(id) = line.strip_prefix("Message-ID: <") {
                taken.message = id.split('@').next().map(str::to_owned);
            }
            in_head &= !line.is_empty();
            if in_head && !line.starts_with([' ', '\t']) {
                taken.headers.push(line.split(':').next().unwrap_or_default().to_owned());
            }
        }
    }

    async fn accept(&self, taken: Taken) -> std::io::Result<()> {
        self.log("accepted", taken).await
    }

    async fn log(&self, event: &str, Taken { message, headers, sha256 }: Taken) -> std::io::Result<()> {
        let event = SinkEvent {
            event: event.to_owned(),
            message,
            to: self.to.clone(),
            from: self.from.clone(),
            connection: self.connection,
            recipients: self.recipients,
            headers,
            sha256,
            at_ms: self.shared.started.elapsed().as_millis() as u64,
        };
        self.shared.log.write(event).await
    }

    /// A rule before anybody is named; `true` ends the conversation.
    async fn act(&mut self, at: Moment) -> std::io::Result<bool> {
        match self.take(at).await? {
            Some(Action::Reply(reply)) => self.say(&reply).await.map(|()| true),
            Some(action) => self.perform(&action).await,
            None => Ok(false),
        }
    }

    async fn take(&self, at: Moment) -> std::io::Result<Option<Action>> {
        let action = self.shared.rules.take(at, self.to.as_deref());
        if action.is_some() {
            let name = format!("{at:?}").to_ascii_lowercase();
            self.log(&name, Taken::default()).await?;
        }
        Ok(action)
    }

    /// What needs no words; `true` ends the conversation.
    async fn perform(&mut self, action: &Action) -> std::io::Result<bool> {
        match action {
            Action::Hang => {
                let mut rest = [0; 1024];
                while self.wire.read(&mut rest).await? > 0 {}
                Ok(true)
            }
            Action::Reset => {
                self.wire.get_ref().reset_on_close()?;
                Ok(true)
            }
            Action::ReplyRaw(bytes) => self.say_raw(bytes).await.map(|()| true),
            Action::SlowlyMs(ms) => {
                self.pace = Some(Duration::from_millis(*ms));
                Ok(false)
            }
            other => {
                if let Some(delay) = other.delay() {
                    tokio::time::sleep(delay).await;
                }
                Ok(false)
            }
        }
    }

    async fn hear(&mut self) -> std::io::Result<Option<String>> {
        let mut line = Vec::new();
        let count = (&mut self.wire).take(LINE_MAX).read_until(b'\n', &mut line).await?;
        if count == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    async fn say(&mut self, reply: &str) -> std::io::Result<()> {
        let line = format!("{reply}\r\n");
        let Some(pace) = self.pace else {
            self.wire.write_all(line.as_bytes()).await?;
            return self.wire.flush().await;
        };
        for byte in line.bytes() {
            tokio::time::sleep(pace).await;
            self.wire.write_all(&[byte]).await?;
            self.wire.flush().await?;
        }
        Ok(())
    }

    async fn say_raw(&mut self, bytes: &str) -> std::io::Result<()> {
        let bytes: Vec<u8> = bytes.chars().map(|byte| byte as u8).collect();
        self.wire.write_all(&bytes).await?;
        self.wire.flush().await
    }
}

fn address(line: &str) -> String {
    line.split(['<', '>']).nth(1).unwrap_or_default().to_owned()
}
