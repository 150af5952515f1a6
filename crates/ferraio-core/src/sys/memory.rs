//! Memory of this process that other threads may change or give back while it is read.

/// Copies what stands at `address`; tells whether all of it could be read. What it says may be half of an old value and
/// half of a new one.
///
/// The kernel copies, so that an address where nothing is any more is an answer and no crash (`process_vm_readv(2)`;
/// a process may always read itself). Elsewhere than on Linux nothing can be read.
pub fn read(address: u64, into: &mut [u8]) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
        let remote = libc::iovec { iov_base: address as usize as *mut libc::c_void, iov_len: into.len() };
        // SAFETY: `local` is `into`, which is ours to write; the kernel checks `remote`.
        let count = unsafe { libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
        usize::try_from(count) == Ok(into.len())
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = (address, into);
        false
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use super::read;

    #[test]
    fn what_is_there_is_copied() {
        let (there, mut copy) = (*b"iron", [0; 4]);
        assert!(read(there.as_ptr() as u64, &mut copy));
        assert_eq!(copy, there);
    }

    #[test]
    fn where_nothing_is_nothing_is_read() {
        for address in [0, 8, u64::MAX - 16] {
            assert!(!read(address, &mut [0; 8]), "{address:#x}");
        }
    }
}
