//! The command, as its users call it.

mod config;
mod doctor;
mod dumps;
mod examples;
mod exits;
mod listing;
mod moving;
mod probe;
mod pty;
mod resuming;
mod secrets;
mod services;
mod shop;
mod signals;
mod stats;
mod streams;
mod terminal;
mod values;
mod vectors;
mod walk;
