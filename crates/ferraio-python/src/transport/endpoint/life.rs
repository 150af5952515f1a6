//! How a transport begins, and how it ends.

use super::{Phase, Transport};
use crate::event_loop::{Direction, EventLoop, call_soon_any};
use crate::ffi::coroutine::copy_context;
use crate::ffi::{Import, Name, Obj, Own, Raised, Result, exception};
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
        let endpoint = self.endpoint();
        endpoint.extra.set(extra_info(sock, extra)?);
        endpoint.fd.set(sock.call_method(&FILENO, [])?.as_i64()? as i32);
        endpoint.event_loop.set(event_loop.clone());
        T::set_protocol(self, protocol)?;
        endpoint.sock.set(sock.clone());
        Ok(())
    }

    /// Has the protocol told of the transport: the last half of `__init__`. The waiter is woken when that has happened.
    pub(in crate::transport) fn introduce(&self, protocol: &Obj, waiter: Option<Obj>) -> Result<()> {
        self.call_soon(&protocol.attr(&CONNECTION_MADE)?, Some(self.obj()))?;
        // Reading starts, and the waiter wakes, when the protocol knows of the transport.
        self.call_soon(&self.obj().attr(&START_READING)?, None)?;
        if let Some(waiter) = waiter {
            static WAKE: Import = Import::new("ferraio._cold", "wake_waiter");
            self.call_soon(WAKE.get()?, Some(&waiter))?;
        }
        Ok(())
    }

    /// `loop.call_soon(callback, argument)`, in the given context if there is one.
    fn call_soon(&self, callback: &Obj, argument: Option<&Obj>) -> Result<()> {
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
        self.watch(Direction::Read, false)
    }

    /// Ends it at once; what waits to be sent is dropped.
    pub(super) fn force_close(&self, error: &Obj) -> Result<()> {
        if self.endpoint().phase.get() == Phase::Lost {
            return Ok(());
        }
        self.drop_queue();
        self.lose(error)
    }

    /// Schedules `connection_lost`.
    fn lose(&self, error: &Obj) -> Result<()> {
        self.enter_last_phase();
        self.call_soon(&self.obj().attr(&CALL_CONNECTION_LOST)?, Some(error))
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

    /// Something went wrong: reports it (errors of the system only in debug mode), and ends the transport.
    #[cold]
    pub(in crate::transport) fn fatal_error(&self, error: &Obj, message: &str) -> Result<()> {
        let event_loop = self.event_loop()?;
        if !error.is_real_instance(&exception::os_error()) {
            self.report(&event_loop, error, message)?;
        } else if event_loop.debug() {
            static LOG: Import = Import::new("ferraio._cold", "log_transport_error");
            LOG.get()?.call([self.obj(), &Obj::str(message)?, error])?;
        }
        self.force_close(error)
    }

    /// Tells the loop's exception handler.
    pub(super) fn report(&self, event_loop: &Own<EventLoop>, error: &Obj, message: &str) -> Result<()> {
        report_failure(event_loop.obj(), error, message, self.obj(), &self.endpoint().protocol.get_or_none())
    }
}

/// The dict of `get_extra_info`: what is given, and what the socket knows.
fn extra_info(sock: &Obj, given: Option<Obj>) -> Result<Obj> {
    static TRANSPORT_SOCKET: Import = Import::new("asyncio.trsock", "TransportSocket");
    static SOCKET: Name = Name::new("socket");
    static SOCKNAME: Name = Name::new("sockname");
    static PEERNAME: Name = Name::new("peername");
    static GETSOCKNAME: Name = Name::new("getsockname");
    static GETPEERNAME: Name = Name::new("getpeername");
    let name = |method: &Name| match sock.call_method(method, []) {
        Err(raised) if raised.matches(&exception::os_error()) => {
            raised.clear();
            Ok(Obj::none())
        }
        outcome => outcome,
    };
    let extra = given.map_or_else(Obj::dict, Ok)?;
    extra.dict_set(SOCKET.obj(), &TRANSPORT_SOCKET.get()?.call([sock])?)?;
    extra.dict_set(SOCKNAME.obj(), &name(&GETSOCKNAME)?)?;
    if extra.dict_get(PEERNAME.obj())?.is_none() {
        extra.dict_set(PEERNAME.obj(), &name(&GETPEERNAME)?)?;
    }
    Ok(extra)
}
