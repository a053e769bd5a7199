use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::mpsc;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// A line of the sink's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkEvent {
    /// `accepted`, or the name of a moment at which a rule acted.
    pub event: String,
    /// Our message id, read from the Message-ID header.
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub to: Option<String>,
    #[serde(default)]
    pub from: Option<String>,
    /// Which of the sink's connections it came over, in the order in which they were opened.
    #[serde(default)]
    pub connection: usize,
    /// How many recipients it had.
    #[serde(default)]
    pub recipients: usize,
    /// Names of the mail's header lines, where they are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// SHA-256 of the content, without and with the line end before the final dot: whose that one is, the client decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sha256: Vec<String>,
    /// Milliseconds since the sink started.
    pub at_ms: u64,
}

/// Writes events and syncs them; whoever asks is told when theirs is on disk. Many at once share one sync.
#[derive(Clone)]
pub struct EventLog(mpsc::Sender<(SinkEvent, oneshot::Sender<()>)>);

impl EventLog {
    pub fn create(file: &Path) -> std::io::Result<Self> {
        let mut writer = BufWriter::new(File::create(file)?);
        let (sender, events) = mpsc::channel::<(SinkEvent, oneshot::Sender<()>)>();
        std::thread::spawn(move || {
            while let Ok(first) = events.recv() {
                let batch: Vec<_> = std::iter::once(first).chain(events.try_iter()).collect();
                for (event, _) in &batch {
                    let line = serde_json::to_string(event).unwrap_or_default();
                    if writeln!(writer, "{line}").is_err() {
                        return;
                    }
                }
                if writer.flush().and_then(|()| writer.get_ref().sync_data()).is_err() {
                    return;
                }
                for (_, written) in batch {
                    let _ = written.send(());
                }
            }
        });
        Ok(Self(sender))
    }

    /// Returns when the event is on disk.
    pub async fn write(&self, event: SinkEvent) -> std::io::Result<()> {
        let (written, on_disk) = oneshot::channel();
        self.0.send((event, written)).map_err(|_| std::io::ErrorKind::BrokenPipe)?;
        on_disk.await.map_err(|_| std::io::ErrorKind::BrokenPipe.into())
    }
}

/// Reads what is in a log now.
pub fn read(file: &Path) -> anyhow::Result<Vec<SinkEvent>> {
    let text = std::fs::read_to_string(file)?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}
