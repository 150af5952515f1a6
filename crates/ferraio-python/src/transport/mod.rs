//! Sockets: the transport for streams, and the loop's `sock_*` operations.
//!
//! | file | what |
//! |---|---|
//! | `tcp.rs` | the transport: its state, and how a connection begins and ends |
//! | `reading.rs` | from the socket to the protocol |
//! | `writing.rs` | from the program to the socket, and flow control |
//! | `class.rs` | what Python sees of the transport |
//! | `tls/` | the protocol between it and a program that speaks TLS |
//! | `operation.rs` | `sock_recv`, `sock_recv_into`, `sock_sendall`, `sock_accept` |

mod class;
mod operation;
mod reading;
mod tcp;
pub mod tls;
mod writing;

pub use class::make_class as make_transport_class;
pub use operation::{
    SocketOperation, dress as dress_operation_methods, make_class as make_operation_class, methods as operation_methods,
};
pub use tcp::SocketTransport;
