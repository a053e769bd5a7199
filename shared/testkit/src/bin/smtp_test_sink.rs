//! An SMTP server that takes everything, does what its rules say, and logs what it took before it answers.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use serde_json::json;
use testkit::sink::in_hand::InHand;
use testkit::sink::log::EventLog;
use testkit::sink::rules::{Rule, Rules};
use testkit::sink::server::{self, Shared};
use testkit::sink::tls::{self, CertificateFault};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A scripted SMTP sink for tests and the demo. Listens on loopback only.
#[derive(Parser)]
struct Options {
    /// Log of what was taken, one JSON object a line, synced before the answer.
    #[arg(long)]
    log: PathBuf,
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Milliseconds before the answer to a final dot.
    #[arg(long, default_value_t = 0)]
    answer_after_ms: u64,
    #[arg(long, value_enum, default_value_t = Tls::None)]
    tls: Tls,
    /// Where the certificate to trust is written.
    #[arg(long, default_value = "sink.pem")]
    certificate: PathBuf,
    /// What is wrong with it.
    #[arg(long, value_enum)]
    certificate_fault: Option<CertificateFault>,
    /// user:password that a client must give.
    #[arg(long)]
    login: Option<String>,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq)]
enum Tls {
    None,
    Starttls,
    Implicit,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let acceptor = (options.tls != Tls::None)
        .then(|| tls::acceptor(&options.certificate, options.certificate_fault))
        .transpose()?;
    let (implicit, starttls) = if options.tls == Tls::Implicit { (acceptor, None) } else { (None, acceptor) };
    let shared = Arc::new(Shared {
        rules: Rules::default(),
        log: EventLog::create(&options.log)?,
        started: Instant::now(),
        answer_after: Duration::from_millis(options.answer_after_ms),
        starttls,
        login: options.login,
        in_hand: InHand::default(),
        connections: AtomicUsize::new(0),
        keep_headers: AtomicBool::new(false),
    });
    let smtp = TcpListener::bind(("127.0.0.1", options.port)).await?;
    let control = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", json!({"smtp": smtp.local_addr()?.to_string(), "control": control.local_addr()?.to_string()}));
    tokio::spawn(serve_control(control, Arc::clone(&shared)));
    loop {
        let (stream, _) = smtp.accept().await?;
        let (shared, implicit) = (Arc::clone(&shared), implicit.clone());
        tokio::spawn(server::converse(stream, implicit, shared));
    }
}

/// One rule a line; `clear` forgets all; `keep-headers` logs the names of header lines from now on; `most-in-hand` asks
/// how many mails were in hand at once.
async fn serve_control(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(obey(stream, Arc::clone(&shared)));
    }
}

async fn obey(stream: TcpStream, shared: Arc<Shared>) -> anyhow::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Some(line) = lines.next_line().await? {
        let answer = match line.as_str() {
            "clear" => {
                shared.rules.clear();
                "ok".to_owned()
            }
            "keep-headers" => {
                shared.keep_headers.store(true, Ordering::Relaxed);
                "ok".to_owned()
            }
            "most-in-hand" => shared.in_hand.most().to_string(),
            rule => {
                shared.rules.add(serde_json::from_str::<Rule>(rule)?);
                "ok".to_owned()
            }
        };
        write.write_all(format!("{answer}\n").as_bytes()).await?;
    }
    Ok(())
}
