//! Memory of this process: read while other threads may change it or give it back, and asked for in large steps.

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

/// For a process that takes hundreds of megabytes and then ends: has `malloc` ask for 64 MiB at a time and keep what is
/// freed (`mallopt(3)`). To ask for a little at a time is a tenth of what `ferraio check` takes for a large project. Other
/// allocators than glibc's stay as they are.
pub fn take_in_large_steps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const STEP: i32 = 64 << 20;
        for (parameter, value) in
            [(libc::M_TOP_PAD, STEP), (libc::M_MMAP_THRESHOLD, STEP), (libc::M_TRIM_THRESHOLD, i32::MAX)]
        {
            // SAFETY: parameters that glibc knows; what it does not take, it leaves.
            let _is_taken = unsafe { libc::mallopt(parameter, value) };
        }
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
