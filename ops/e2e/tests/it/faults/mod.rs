//! What the system must survive, by the ids of the fault list. The judge is the sink's own log.

mod edge;
mod herds;
mod postgres;
mod redis;
mod smtp;
