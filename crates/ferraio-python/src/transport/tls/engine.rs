//! Who decrypts and encrypts: OpenSSL itself, or Python's objects, which always works.
//!
//! Until the handshake is done, all bytes go through the two `ssl.MemoryBIO`s, and all calls to the `ssl.SSLObject` are
//! asyncio's. Then OpenSSL is taken over, if nothing of the program's would be skipped by that. Python's object stays the
//! authority on everything rare: a call that fails in OpenSSL is repeated through it, so that the exception is its own.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::TlsProtocol;
use crate::ffi::tls_connection::{Outcome, TlsConnection};
use crate::ffi::{Args, Import, Name, Obj, Own, Raised, Result};

static READ: Name = Name::new("read");
static WRITE: Name = Name::new("write");
static PENDING: Name = Name::new("pending");
static SSL_OBJECT: Name = Name::new("_sslobj");

/// Is OpenSSL to be driven, where it can?
static DRIVES_OPENSSL: AtomicBool = AtomicBool::new(true);

/// `_drive_openssl(yes)`: for tests of both ways. Returns what was the choice before.
pub fn prefer(args: Args<'_>) -> Result<Obj> {
    let [choice] = args.positional else {
        return Err(crate::error::Error::type_("_drive_openssl() takes one argument"));
    };
    Ok(Obj::bool(DRIVES_OPENSSL.swap(choice.truth()?, Relaxed)))
}

/// What Python's `SSLObject.read` gave.
pub(super) enum Answer {
    /// Bytes, or how many were put into a buffer; none: the peer has said that nothing more comes.
    Value(Obj),
    /// Nothing yet.
    Later,
}

impl Own<TlsProtocol> {
    /// The handshake is done: OpenSSL is driven from now on, if that is possible.
    pub(super) fn take_over(&self) -> Result<()> {
        if self.connection.get().is_some() || !DRIVES_OPENSSL.load(Relaxed) {
            return Ok(());
        }
        let (Some(ssl_object), Some(incoming), Some(outgoing)) =
            (self.ssl_object.get(), self.incoming.get(), self.outgoing.get())
        else {
            return Ok(());
        };
        if !is_plain(&ssl_object)? {
            return Ok(());
        }
        let Some(connection) = TlsConnection::take_over(&ssl_object.attr(&SSL_OBJECT)?, &incoming, &outgoing)? else {
            return Ok(());
        };
        // What the handshake has left.
        let (received, to_send) = (incoming.call_method(&READ, [])?, outgoing.call_method(&READ, [])?);
        connection.keep(received.as_bytes().unwrap_or_default());
        connection.prepend_output(to_send.as_bytes().unwrap_or_default());
        let _ = self.connection.set(connection);
        Ok(())
    }

    /// Keeps what was received until it is decrypted.
    pub(super) fn keep_received(&self, data: &[u8]) -> Result<()> {
        match self.connection.get() {
            Some(connection) => {
                connection.keep(data);
                Ok(())
            }
            None => self.incoming.get_or_none().call_method(&WRITE, [&Obj::bytes(data)?]).map(drop),
        }
    }

    /// How many bytes were received and not decrypted.
    pub(super) fn undecrypted(&self) -> Result<usize> {
        match self.connection.get() {
            Some(connection) => Ok(connection.unread()),
            None => pending(&self.incoming),
        }
    }

    /// How many encrypted bytes wait to be given to the transport below.
    pub(super) fn encrypted(&self) -> Result<usize> {
        match self.connection.get() {
            Some(connection) => Ok(connection.unsent()),
            None => pending(&self.outgoing),
        }
    }

    /// `SSLObject.read(…)`, through Python.
    pub(super) fn python_read<const N: usize>(&self, arguments: [&Obj; N]) -> Result<Answer> {
        match self.ssl_object.get_or_none().call_method(&READ, arguments) {
            Ok(value) => Ok(Answer::Value(value)),
            Err(raised) => later_or_raised(raised).map(|()| Answer::Later),
        }
    }

    /// Encrypts `data`, of which these are the bytes: returns how many of them, all if nothing is in the way.
    pub(super) fn encrypt(&self, data: &Obj, bytes: &[u8]) -> Result<usize> {
        let Some(connection) = self.connection.get() else { return self.python_write(data) };
        let mut written = 0;
        while written < bytes.len() {
            match connection.write(&bytes[written..]) {
                Outcome::Done(size) => written += size,
                Outcome::Later => break,
                Outcome::Closed | Outcome::Failed => {
                    let rest = Obj::bytes(&bytes[written..])?;
                    match self.python_write(&rest)? {
                        0 => break,
                        size => written += size,
                    }
                }
            }
        }
        Ok(written)
    }

    /// `SSLObject.write(data)`; 0 if it cannot be now.
    fn python_write(&self, data: &Obj) -> Result<usize> {
        match self.ssl_object.get_or_none().call_method(&WRITE, [data]) {
            Ok(size) => Ok(usize::try_from(size.as_i64()?).unwrap_or(0)),
            Err(raised) => later_or_raised(raised).map(|()| 0),
        }
    }
}

/// Does the program see nothing of the reading and writing, and so does not miss it?
fn is_plain(ssl_object: &Obj) -> Result<bool> {
    static CLASS: Import = Import::new("ssl", "SSLObject");
    static CONTEXT: Name = Name::new("context");
    static CALLBACK: Name = Name::new("_msg_callback");
    static KEYLOG: Name = Name::new("keylog_filename");
    let class = ssl_object.type_obj();
    for method in [&READ, &WRITE] {
        let found = class.attr_opt(method)?;
        if !found.is_some_and(|found| CLASS.get().and_then(|class| class.attr(method)).is_ok_and(|own| found.is(&own)))
        {
            return Ok(false);
        }
    }
    let context = ssl_object.attr(&CONTEXT)?;
    for attribute in [&CALLBACK, &KEYLOG] {
        if context.attr_opt(attribute)?.is_some_and(|value| !value.is_none()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// asyncio's `SSLAgainErrors` are no errors.
fn later_or_raised(raised: Raised) -> Result<()> {
    static WANT_READ: Import = Import::new("ssl", "SSLWantReadError");
    static SYSCALL: Import = Import::new("ssl", "SSLSyscallError");
    let error = raised.take();
    if error.is_instance(WANT_READ.get()?)? || error.is_instance(SYSCALL.get()?)? {
        return Ok(());
    }
    Err(Raised::exception(error))
}

fn pending(bio: &crate::ffi::Slot) -> Result<usize> {
    let pending = bio.get_or_none().attr(&PENDING)?.as_i64()?;
    Ok(usize::try_from(pending).unwrap_or(0))
}
