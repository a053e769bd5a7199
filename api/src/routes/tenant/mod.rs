mod pause;
mod resume;

pub use pause::pause;
pub use resume::resume;
