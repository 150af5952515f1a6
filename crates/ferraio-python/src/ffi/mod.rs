//! The safe layer over CPython's C API; all `unsafe` of this crate is here.
//!
//! What the rest of the crate may rely on:
//!
//! * [`Obj`] is one owned reference, [`Own<T>`] one to an object of ours. Neither is `Send`, and the interpreter is only
//!   released in [`thread::detached`], whose closure can hold none: whoever has a reference is attached.
//! * The data of our objects is only reached through `&T`, so its fields are [`Cell`](std::cell::Cell)s, [`Slot`]s and
//!   `RefCell`s. Dropping or calling any Python object may run any Python code: end every borrow before.
//! * A function that fails returns [`Raised`]: the exception itself is set in the thread's state, as in C.
//! * C enters through [`trampoline`] alone, where a panic becomes a Python exception.

pub mod args;
pub mod async_function;
pub mod buffer;
mod builtins;
pub mod byte_array;
pub mod call_site;
pub mod class;
pub mod context;
pub mod coroutine;
pub mod current_task;
pub mod deque;
#[cfg(not(Py_3_14))]
mod dict_entry;
pub mod exception;
pub mod fork;
pub mod frame_layout;
pub mod hooks;
pub mod list;
pub mod module;
pub mod name;
pub mod object;
pub mod openssl;
pub mod packed;
pub mod received_bytes;
pub mod slot;
pub mod socket_address;
pub mod stop_iteration;
pub mod task_list;
pub mod thread;
pub mod tls_connection;
#[macro_use]
pub mod trampoline;

pub use args::Args;
pub use class::{Class, ClassCell, Own, Visit};
pub use deque::Deque;
pub use exception::{Raised, Result};
pub use hooks::Hooks;
pub use list::List;
pub use name::{Import, Name};
pub use object::Obj;
pub use slot::Slot;
