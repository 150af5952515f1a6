//! When a protocol is to pause writing, and when to go on.

use std::cell::Cell;

use super::Transport;
use crate::ffi::{Import, Name, Obj, Own, Result, Slot};

/// More waiting bytes than this pause the protocol, unless a program sets limits of its own.
const HIGH_WATER: usize = 64 * 1024;

/// The limits of a transport, and whether its protocol is paused.
pub(super) struct FlowControl {
    /// (low, high), if somebody has set them.
    pub limits: Slot,
    /// `pause_writing()` of the protocol was called.
    pub protocol_is_paused: Cell<bool>,
    /// The protocol is to pause when more bytes wait than this…
    high_water: Cell<usize>,
    /// … and to resume when no more than this wait.
    low_water: Cell<usize>,
}

impl FlowControl {
    pub(super) fn new() -> Self {
        FlowControl {
            limits: Slot::empty(),
            protocol_is_paused: Cell::new(false),
            high_water: Cell::new(HIGH_WATER),
            low_water: Cell::new(HIGH_WATER / 4),
        }
    }

    /// So many bytes wait: is the protocol to be told to pause? It counts as paused from now on.
    fn begins_pause(&self, waiting: usize) -> bool {
        waiting > self.high_water.get() && !self.protocol_is_paused.replace(true)
    }

    /// So many bytes wait: is the protocol to be told to go on?
    #[inline]
    fn ends_pause(&self, waiting: usize) -> bool {
        self.protocol_is_paused.get() && waiting <= self.low_water.get() && self.protocol_is_paused.replace(false)
    }

    /// `set_write_buffer_limits(high, low)`, without looking at what waits.
    pub(super) fn set_limits(&self, high: &Obj, low: &Obj) -> Result<()> {
        static LIMITS: Import = Import::new("ferraio._cold", "write_buffer_limits");
        let limits = LIMITS.get()?.call([high, low])?;
        if let [low, high] = limits.tuple_items() {
            self.low_water.set(low.as_f64()?.floor() as usize);
            self.high_water.set(high.as_f64()?.floor() as usize);
        }
        self.limits.set(limits);
        Ok(())
    }

    /// (low, high), as they were given.
    pub(super) fn limits(&self) -> Result<Obj> {
        match self.limits.get() {
            Some(limits) => Ok(limits),
            None => Obj::tuple([Obj::int(HIGH_WATER as i64 / 4)?, Obj::int(HIGH_WATER as i64)?]),
        }
    }
}

impl<T: Transport> Own<T> {
    /// Tells the protocol to pause, if too much waits.
    pub(in crate::transport) fn maybe_pause_protocol(&self) -> Result<()> {
        static PAUSE_WRITING: Name = Name::new("pause_writing");
        if !self.endpoint().flow.begins_pause(self.queued_bytes()) {
            return Ok(());
        }
        self.tell_protocol(&PAUSE_WRITING, "protocol.pause_writing() failed")
    }

    /// Tells the protocol to go on, if it was paused and little waits.
    #[inline]
    pub(in crate::transport) fn maybe_resume_protocol(&self) -> Result<()> {
        static RESUME_WRITING: Name = Name::new("resume_writing");
        if !self.endpoint().flow.ends_pause(self.queued_bytes()) {
            return Ok(());
        }
        self.tell_protocol(&RESUME_WRITING, "protocol.resume_writing() failed")
    }

    fn tell_protocol(&self, method: &Name, failed: &str) -> Result<()> {
        let Some(protocol) = self.endpoint().protocol.get() else { return Ok(()) };
        match protocol.call_method(method, []) {
            Ok(_) => Ok(()),
            Err(raised) if raised.stops_the_loop() => Err(raised),
            Err(raised) => {
                let error = raised.take();
                self.report(&self.event_loop()?, &error, failed)
            }
        }
    }
}
