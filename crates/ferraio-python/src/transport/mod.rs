//! Sockets: the transports for streams and for datagrams, and the loop's `sock_*` operations.
//!
//! | file | what |
//! |---|---|
//! | `endpoint/` | what all transports have in common: a socket and its protocol, from beginning to end |
//! | `failure.rs` | telling the loop's exception handler |
//! | `tcp.rs` | the transport for streams |
//! | `reading.rs` | from the socket to the protocol |
//! | `writing.rs` | from the program to the socket |
//! | `class.rs` | what Python sees of the transport for streams |
//! | `datagram/` | the transport for datagrams |
//! | `accepting.rs` | connections from a listening socket |
//! | `address_book.rs` | addresses seen lately |
//! | `pipe.rs` | reading from pipes |
//! | `operation/` | `sock_recv`, `sock_sendto` and their kin |
//! | `tls/` | the protocol between a transport and a program that speaks TLS |

mod accepting;
mod address_book;
mod class;
mod datagram;
mod endpoint;
mod failure;
mod operation;
mod pipe;
mod reading;
mod tcp;
pub mod tls;
mod writing;

pub use accepting::methods as accepting_methods;
pub use address_book::AddressBook;
pub use class::make_class as make_transport_class;
pub use datagram::{DatagramTransport, make_class as make_datagram_class};
pub use operation::{
    SocketOperation, dress as dress_operation_methods, make_class as make_operation_class, methods as operation_methods,
};
pub use pipe::methods as pipe_methods;
pub use tcp::SocketTransport;
