use std::io;

/// Longest reply, all its lines together.
const REPLY_MAX_BYTES: usize = 64 * 1024;

/// Counts what a server says since we last said something. lettre looks at a line only when it has ended, so one that
/// never ends would be kept in memory for as long as the phase lasts.
#[derive(Debug, Default)]
pub(super) struct Heard(usize);

impl Heard {
    pub(super) fn spoke(&mut self) {
        self.0 = 0;
    }

    pub(super) fn count(&mut self, bytes: usize) -> io::Result<()> {
        self.0 += bytes;
        if self.0 > REPLY_MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a reply longer than 64 KiB"));
        }
        Ok(())
    }
}
