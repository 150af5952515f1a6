//! Our errors, and the Python exception that each becomes: the one that asyncio raises, with its text.

use crate::ffi::exception::{runtime_error, type_error, value_error};
use crate::ffi::{Obj, Raised};
use crate::imports;

/// What can go wrong.
pub enum Error {
    /// An operation that the state of a future or queue does not allow.
    InvalidState(String),
    /// Misuse that asyncio answers with `RuntimeError`.
    Runtime(String),
    /// An argument of the wrong type.
    Type(String),
    /// An argument of the right type with an impossible value.
    Value(String),
    /// The system refused.
    Os(std::io::Error),
}

impl Error {
    /// Sets the exception.
    #[cold]
    pub fn raise(self) -> Raised {
        match self {
            Error::InvalidState(message) => match imports::INVALID_STATE_ERROR.get() {
                Ok(class) => Raised::text(class, &message),
                Err(raised) => raised,
            },
            Error::Runtime(message) => Raised::text(&runtime_error(), &message),
            Error::Type(message) => Raised::text(&type_error(), &message),
            Error::Value(message) => Raised::text(&value_error(), &message),
            Error::Os(error) => match os_exception(&error) {
                Ok(exception) => Raised::exception(exception),
                Err(raised) => raised,
            },
        }
    }

    /// `RuntimeError(message)`, set.
    pub fn runtime(message: impl Into<String>) -> Raised {
        Error::Runtime(message.into()).raise()
    }

    /// `TypeError(message)`, set.
    pub fn type_(message: impl Into<String>) -> Raised {
        Error::Type(message.into()).raise()
    }

    /// `InvalidStateError(message)`, set.
    pub fn invalid_state(message: impl Into<String>) -> Raised {
        Error::InvalidState(message.into()).raise()
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Error::Os(error)
    }
}

/// The `OSError` (or its subclass) for an error of the system, as an object.
pub fn os_exception(error: &std::io::Error) -> crate::ffi::Result<Obj> {
    let class = crate::ffi::exception::os_error();
    match error.raw_os_error() {
        Some(number) => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            class.call([&Obj::int(number.into())?, &Obj::str(text)?])
        }
        None => class.call([&Obj::str(&error.to_string())?]),
    }
}
