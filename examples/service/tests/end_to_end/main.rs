//! The service as its clients and its supervisor meet it: the program itself, over HTTP.

mod client;
mod load;
mod process;
mod protocol;
mod watch;
