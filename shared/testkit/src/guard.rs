//! Ends services when whoever started them is gone, however it went.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A shell that outlives us just long enough to end `pid` (with SIGQUIT: at once) and to remove `folder`. Where we live
/// on and the service is gone, it may come back: then nothing is removed.
pub fn watch(pid: u32, folder: &Path) -> std::io::Result<Child> {
    let script = "while kill -0 $1 2>/dev/null && kill -0 $2 2>/dev/null; do sleep 1; done; \
                  kill -0 $1 2>/dev/null && exit; \
                  kill -QUIT $2 2>/dev/null; sleep 1; kill -KILL $2 2>/dev/null; \
                  [ ! -d \"$3/disk\" ] || umount -l \"$3/disk\" 2>/dev/null; rm -rf \"$3\"";
    Command::new("sh")
        .args(["-c", script, "guard"])
        .arg(std::process::id().to_string())
        .arg(pid.to_string())
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}
