//! Sockets and pipes: the transports for streams, datagrams and the ends of pipes, and the loop's `sock_*` operations.
//!
//! | file | what |
//! |---|---|
//! | `endpoint/` | what all transports have in common: a socket or pipe and its protocol, from beginning to end |
//! | `failure.rs` | telling the loop's exception handler |
//! | `tcp.rs` | the transport for streams |
//! | `reading.rs` | from the socket to the protocol |
//! | `writing.rs` | from the program to the socket |
//! | `class.rs` | what Python sees of the transport for streams |
//! | `datagram/` | the transport for datagrams |
//! | `accepting.rs` | connections from a listening socket |
//! | `server.rs` | a connection among those of its server |
//! | `address_book.rs` | addresses seen lately |
//! | `pipe/` | the transports for the ends of pipes |
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
mod server;
mod tcp;
pub mod tls;
mod writing;

pub use accepting::make_class as make_acceptor_class;
pub use address_book::AddressBook;
pub use class::make_class as make_transport_class;
pub use datagram::{DatagramTransport, make_class as make_datagram_class};
pub use operation::{
    SocketOperation, dress as dress_operation_methods, make_class as make_operation_class, methods as operation_methods,
};
pub use pipe::{
    ReadPipeTransport, WritePipeTransport, make_read_class as make_read_pipe_class,
    make_write_class as make_write_pipe_class,
};
pub use tcp::SocketTransport;
