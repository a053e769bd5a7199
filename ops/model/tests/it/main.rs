mod as_built;
mod broken;
mod progress;
