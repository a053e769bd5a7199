use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

/// Follows the sink's log: how many mails it took so far, and how fast lately.
pub struct Tail {
    file: File,
    read: u64,
    taken: u64,
    recent: VecDeque<(Instant, u64)>,
}

/// Rates are taken over this long.
pub const WINDOW: Duration = Duration::from_millis(150);

impl Tail {
    pub fn open(log: &Path) -> anyhow::Result<Self> {
        Ok(Self { file: File::open(log)?, read: 0, taken: 0, recent: VecDeque::new() })
    }

    /// Reads on; answers how many were taken in all.
    pub fn update(&mut self) -> anyhow::Result<u64> {
        let mut chunk = Vec::new();
        self.file.seek(SeekFrom::Start(self.read))?;
        self.file.read_to_end(&mut chunk)?;
        self.read += chunk.len() as u64;
        self.taken += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
        let now = Instant::now();
        self.recent.push_back((now, self.taken));
        while self.recent.front().is_some_and(|(at, _)| now - *at > WINDOW) {
            self.recent.pop_front();
        }
        Ok(self.taken)
    }

    /// Mails a second, over the last moments.
    pub fn per_second(&self) -> f64 {
        let (Some((from, before)), Some((to, after))) = (self.recent.front(), self.recent.back()) else { return 0.0 };
        let seconds = (*to - *from).as_secs_f64();
        if seconds < 0.05 { 0.0 } else { (after - before) as f64 / seconds }
    }
}
