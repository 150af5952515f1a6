//! The parts of an event loop that know files, clocks and queues, and no Python.
//!
//! Nothing here reads the clock by itself: time is an argument. `unsafe` lives in [`sys`] alone.
#![deny(unsafe_code)]

pub mod activity;
pub mod address;
pub mod clock;
pub mod inbox;
pub mod line_table;
pub mod pacing;
pub mod pipe;
pub mod pulse;
pub mod reactor;
pub mod ring;
pub mod send_queue;
pub mod socket;
pub mod stall;
#[allow(unsafe_code)]
pub mod sys;
pub mod timers;
pub mod waker;
