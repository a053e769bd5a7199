//! Whole-system stories. Named for what must hold.

mod accepting;
mod accounts;
mod api;
mod bounding;
mod campaigning;
mod commands;
mod disasters;
mod explaining;
mod faults;
mod first_steps;
mod house_rules;
mod importing;
mod ingress;
mod limiting;
mod matrix;
mod process_managers;
mod processes;
mod refusals;
mod repeating;
mod securing;
mod securing_stores;
mod sending;
mod uncertainty;
