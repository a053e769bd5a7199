//! What the system must survive, by the ids of the fault list. The judge is the sink's own log.

#[cfg(target_os = "linux")]
mod clocks;
mod edge;
mod herds;
mod interleavings;
mod leaders;
mod postgres;
mod redis;
mod smtp;
mod workers;
