//! What the loop's exception handler is told when something goes wrong between a transport and its protocol.

use crate::ffi::{Obj, Result};
use crate::imports as py;

/// Tells the handler.
pub(super) fn report_failure(
    event_loop: &Obj,
    error: &Obj,
    message: &str,
    transport: &Obj,
    protocol: &Obj,
) -> Result<()> {
    let context = Obj::dict()?;
    context.dict_set(py::MESSAGE.obj(), &Obj::str(message)?)?;
    context.dict_set(py::EXCEPTION.obj(), error)?;
    context.dict_set(py::TRANSPORT.obj(), transport)?;
    context.dict_set(py::PROTOCOL.obj(), protocol)?;
    event_loop.call_method(&py::CALL_EXCEPTION_HANDLER, [&context]).map(drop)
}
