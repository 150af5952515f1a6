//! How a transport begins, and how it ends.

use super::extra_info::extra_info;
use super::{Accepted, Phase, Transport};
use crate::error::Error;
use crate::event_loop::{Direction, EventLoop, Ready, call_soon_any};
use crate::ffi::coroutine::{copy_context, in_context};
use crate::ffi::{Import, Name, Obj, Own, Raised, Result};
use crate::handle::{Arguments, Handle};
use crate::imports::{self as py};
use crate::transport::failure::report_failure;

static CONNECTION_MADE: Name = Name::new("connection_made");
static CONNECTION_LOST: Name = Name::new("connection_lost");
static CALL_CONNECTION_LOST: Name = Name::new("_call_connection_lost");
static START_READING: Name = Name::new("_start_reading");

impl<T: Transport> Own<T> {
    /// Takes over the socket: the first half of `__init__`. The loop does not know of it yet.
    pub(in crate::transport) fn take_over(
        &self,
        event_loop: &Own<EventLoop>,
        sock: &Obj,
        protocol: &Obj,
        extra: Option<Obj>,
    ) -> Result<()> {
        static FILENO: Name = Name::new("fileno");
        let extra = extra_info(sock, extra)?;
        let fd = sock.call_method(&FILENO, [])?.as_i64()? as i32;
        self.take_over_file(event_loop, sock, fd, protocol, extra)
    }

    /// Takes over what has this fd.
    pub(in crate::transport) fn take_over_file(
        &self,
        event_loop: &Own<EventLoop>,
        file: &Obj,
        fd: i32,
        protocol: &Obj,
        extra: Obj,
    ) -> Result<()> {
        let endpoint = self.endpoint();
        endpoint.extra.set(extra);
        endpoint.fd.set(fd);
        endpoint.event_loop.set(event_loop.clone());
        T::set_protocol(self, protocol)?;
        endpoint.sock.set(file.clone());
        Ok(())
    }

    /// Takes over a connection that has no socket object.
    pub(in crate::transport) fn take_over_accepted(
        &self,
        event_loop: &Own<EventLoop>,
        accepted: Box<Accepted>,
        protocol: &Obj,
    ) -> Result<()> {
        let endpoint = self.endpoint();
        endpoint.fd.set(accepted.fd());
        endpoint.event_loop.set(event_loop.clone());
        T::set_protocol(self, protocol)?;
        *endpoint.accepted.borrow_mut() = Some(accepted);
        Ok(())
    }

    /// Has the protocol told of the transport: the last half of `__init__`. The waiter is woken when that has happened.
    pub(in crate::transport) fn introduce(&self, protocol: &Obj, waiter: Option<Obj>) -> Result<()> {
        self.call_soon(&protocol.attr(&CONNECTION_MADE)?, Some(self.obj()))?;
        // Reading starts, and the waiter wakes, when the protocol knows of the transport.
        let event_loop = self.event_loop()?;
        match T::plain_stream(self)?.filter(|_| event_loop.is_plain()) {
            Some(stream) => event_loop.push(|| Ready::Begin(stream)),
            None if self.begins_to_read() => self.call_soon(&self.obj().attr(&START_READING)?, None)?,
            None => {}
        }
        if let Some(waiter) = waiter {
            static WAKE: Import = Import::new("ferraio._cold", "wake_waiter");
            self.call_soon(WAKE.get()?, Some(&waiter))?;
        }
        Ok(())
    }

    /// `loop.call_soon(callback, argument)`, in the given context if there is one.
    pub(in crate::transport) fn call_soon(&self, callback: &Obj, argument: Option<&Obj>) -> Result<()> {
        let event_loop = self.event_loop()?;
        let context = self.given_context().map_or_else(copy_context, Ok)?;
        call_soon_any(event_loop.obj(), callback, argument, &context)
    }

    /// `close()`: sends what waits to be sent, then it is over.
    pub(in crate::transport) fn close(&self) -> Result<()> {
        if self.is_closing() {
            return Ok(());
        }
        if self.is_drained() {
            return self.lose(&Obj::none());
        }
        self.endpoint().phase.set(Phase::Closing);
        if T::IS_PIPE { Ok(()) } else { self.watch(Direction::Read, false) }
    }

    /// Ends it at once; what waits to be sent is dropped.
    pub(in crate::transport) fn force_close(&self, error: &Obj) -> Result<()> {
        if self.endpoint().phase.get() == Phase::Lost {
            return Ok(());
        }
        self.drop_queue();
        self.lose(error)
    }

    /// Schedules `connection_lost`.
    pub(in crate::transport) fn lose(&self, error: &Obj) -> Result<()> {
        self.enter_last_phase();
        let event_loop = self.event_loop()?;
        let Some(stream) = T::plain_stream(self)?.filter(|_| event_loop.is_plain()) else {
            return self.call_soon(&self.obj().attr(&CALL_CONNECTION_LOST)?, Some(error));
        };
        self.endpoint().reason.set(error.clone());
        self.endpoint().context.set(self.given_context().map_or_else(copy_context, Ok)?);
        event_loop.push(|| Ready::End(stream));
        Ok(())
    }

    /// What the loop does for `Ready::End`. As a handle would, it reports an exception to the loop.
    pub fn end(&self, event_loop: &Own<EventLoop>) -> Result<()> {
        let Some(context) = self.endpoint().context.get() else { return Ok(()) };
        let reason = self.endpoint().reason.get_or_none();
        let outcome = in_context(&context, || self.call_connection_lost(&reason));
        let Err(raised) = outcome else { return Ok(()) };
        // Attributes cannot be looked up while an exception is set.
        let error = raised.take();
        let callback = self.obj().attr(&CALL_CONNECTION_LOST)?;
        Own::<Handle>::report_without(event_loop, callback, Arguments::One(reason), context, error)
    }

    /// What asyncio would call in place of `Ready::Begin`.
    pub fn begin_callback(&self) -> Result<Obj> {
        self.obj().attr(&START_READING)
    }

    /// What asyncio would call in place of `Ready::End`, with what, and the context it would run in.
    pub fn end_callback(&self) -> Result<(Obj, Obj, Option<Obj>)> {
        let endpoint = self.endpoint();
        Ok((self.obj().attr(&CALL_CONNECTION_LOST)?, endpoint.reason.get_or_none(), endpoint.context.get()))
    }

    /// All is sent after `close()`: the protocol is told at once.
    pub(in crate::transport) fn finish_closing(&self) -> Result<()> {
        self.enter_last_phase();
        self.call_connection_lost(&Obj::none())
    }

    fn enter_last_phase(&self) {
        self.endpoint().phase.set(Phase::Lost);
        self.endpoint().lost_writes.set(1);
        self.forget_fd();
    }

    /// Tells the protocol that it is over, and lets go of everything.
    pub(super) fn call_connection_lost(&self, error: &Obj) -> Result<()> {
        let told = match self.endpoint().protocol.get() {
            Some(protocol) => protocol.call_method(&CONNECTION_LOST, [error]).map(drop),
            None => Ok(()),
        };
        // What follows happens in any case; an exception of the protocol is passed on afterwards.
        let raised = told.err().map(Raised::take);
        let outcome = self.let_go();
        match raised {
            Some(raised) => {
                if let Err(other) = outcome {
                    other.clear();
                }
                Err(Raised::exception(raised))
            }
            None => outcome,
        }
    }

    fn let_go(&self) -> Result<()> {
        self.forget_fd();
        self.drop_queue();
        let closed = self.sign_off().and(self.close_socket());
        let endpoint = self.endpoint();
        endpoint.protocol.clear();
        endpoint.event_loop.clear();
        endpoint.context.clear();
        endpoint.reason.clear();
        T::let_go(self, closed)
    }

    /// The loop's list of transports has this one no more.
    fn sign_off(&self) -> Result<()> {
        match self.endpoint().event_loop.get() {
            Some(event_loop) => event_loop.remove_transport(self.endpoint().fd.get(), self.obj()),
            None => Ok(()),
        }
    }

    fn close_socket(&self) -> Result<()> {
        let closed = self.endpoint().accepted.borrow_mut().as_mut().map_or(Ok(()), |accepted| accepted.close());
        closed.map_err(|error| Error::from(error).raise())?;
        match self.endpoint().sock.take() {
            Some(sock) => sock.call_method(&py::CLOSE, []).map(drop),
            None => Ok(()),
        }
    }

    /// Nobody refers to an open transport any more: warns, and closes the socket.
    pub(in crate::transport) fn abandon(&self) {
        static WARN: Import = Import::new("ferraio._cold", "warn_unclosed");
        if WARN.get().and_then(|warn| warn.call([self.obj()])).is_err() {
            self.obj().write_unraisable();
        }
        self.forget_fd();
        if self.sign_off().and_then(|()| self.close_socket()).is_err() {
            self.obj().write_unraisable();
        }
        T::abandoned(self);
    }

    /// Something went wrong: reports it (what is usual only in debug mode), and ends the transport.
    #[cold]
    pub(in crate::transport) fn fatal_error(&self, error: &Obj, message: &str) -> Result<()> {
        let event_loop = self.event_loop()?;
        if !T::is_usual(error)? {
            self.report(&event_loop, error, message)?;
        } else if event_loop.debug() {
            static LOG: Import = Import::new("ferraio._cold", "log_transport_error");
            LOG.get()?.call([self.obj(), &Obj::str(message)?, error])?;
        }
        self.force_close(error)
    }

    /// Something went wrong: [`fatal_error`](Own::fatal_error) for an exception that is set; one that stops the loop is
    /// passed on.
    #[cold]
    pub(in crate::transport) fn fatal(&self, raised: Raised, message: &str) -> Result<()> {
        if raised.stops_the_loop() {
            return Err(raised);
        }
        self.fatal_error(&raised.take(), message)
    }

    /// Tells the loop's exception handler.
    pub(super) fn report(&self, event_loop: &Own<EventLoop>, error: &Obj, message: &str) -> Result<()> {
        report_failure(event_loop.obj(), error, message, self.obj(), &self.endpoint().protocol.get_or_none())
    }
}
