//! Whole-system stories. Named for what must hold.

mod api;
mod disasters;
mod explaining;
mod first_steps;
mod house_rules;
mod limiting;
mod processes;
mod refusals;
mod securing;
mod sending;
mod uncertainty;
