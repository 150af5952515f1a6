//! A connection among those of its server: what `_attach` and `_detach` of `asyncio.Server` do.
//!
//! Since 3.13 a server has a `WeakSet` of its transports. To add one by Python's own methods, and to take it away again,
//! takes a quarter of all the instructions of a short connection (`echo.connect_close` in the benches), so the set inside
//! the `WeakSet` is changed here. The references in it have no callback for when the transport dies: ours says itself
//! when it is over.

use crate::ffi::{Hooks, Import, Name, Obj, Result};

static ATTACH: Name = Name::new("_attach");
static DETACH: Name = Name::new("_detach");
static SOCKETS: Name = Name::new("_sockets");

/// The methods that are bypassed, unless somebody overrides them.
static METHODS: Hooks<2> = Hooks::new([Name::new("_attach"), Name::new("_detach")]);

/// Remembers asyncio's methods.
pub(super) fn prepare() -> Result<()> {
    let server = Obj::import("asyncio.base_events")?.attr(&Name::new("Server"))?;
    METHODS.remember(&server, &server)
}

/// The server has one more connection.
pub(super) fn attach(server: &Obj, transport: &Obj) -> Result<()> {
    if !cfg!(Py_3_13) {
        return server.call_method(&ATTACH, []).map(drop);
    }
    match clients(server)? {
        Some(clients) if !server.attr(&SOCKETS)?.is_none() => clients.set_add(&transport.weak_reference()?),
        _ => server.call_method(&ATTACH, [transport]).map(drop),
    }
}

/// The connection is over.
pub(super) fn detach(server: &Obj, transport: &Obj) -> Result<()> {
    if !cfg!(Py_3_13) {
        return server.call_method(&DETACH, []).map(drop);
    }
    match clients(server)? {
        // To a closed server it matters how many are left.
        Some(clients) if !server.attr(&SOCKETS)?.is_none() => clients.set_discard(&transport.weak_reference()?),
        _ => server.call_method(&DETACH, [transport]).map(drop),
    }
}

/// The set inside the `WeakSet`; nothing if the methods have to be called.
fn clients(server: &Obj) -> Result<Option<Obj>> {
    static WEAK_SET: Import = Import::new("weakref", "WeakSet");
    static CLIENTS: Name = Name::new("_clients");
    static DATA: Name = Name::new("data");
    if !METHODS.are_original(server)? {
        return Ok(None);
    }
    let clients = server.attr(&CLIENTS)?;
    if clients.type_obj().is(WEAK_SET.get()?) { clients.attr(&DATA).map(Some) } else { Ok(None) }
}
