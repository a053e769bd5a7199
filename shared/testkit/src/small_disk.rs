//! A disk of a few mebibytes, in memory, that a test can fill.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

pub struct SmallDisk(PathBuf);

/// Its place in the folder of the service that it belongs to.
pub const NAME: &str = "disk";

impl SmallDisk {
    /// Only root may mount.
    pub fn is_possible() -> bool {
        cfg!(target_os = "linux") && nix::unistd::geteuid().is_root()
    }

    pub(crate) fn mount(folder: &Path, mebibytes: u32) -> anyhow::Result<Self> {
        let path = folder.join(NAME);
        std::fs::create_dir(&path)?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m,mode=0700"), "tmpfs"])
            .arg(&path)
            .output()
            .context("mount did not start")?;
        if !mounted.status.success() {
            bail!("a small disk could not be mounted: {}", String::from_utf8_lossy(&mounted.stderr));
        }
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes until nothing more fits.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut filler = File::options().create(true).append(true).open(self.filler())?;
        for size in [64 * 1024, 4 * 1024] {
            let block = vec![0; size];
            loop {
                match filler.write_all(&block) {
                    Ok(()) => {}
                    Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// Takes the filling away again.
    pub fn free(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.filler())?)
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
