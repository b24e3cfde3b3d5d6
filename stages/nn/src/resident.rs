//! Memory that the system keeps for parts of the program's file.

/// Lets the pages that hold these bytes go, where they are a read-only mapping of a file: they are read again when they
/// are next used. Does nothing for other memory and on other systems.
pub(crate) fn release(bytes: &'static [u8]) {
    #[cfg(target_os = "linux")]
    linux::release(bytes);
    #[cfg(not(target_os = "linux"))]
    let _ = bytes;
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ops::Range;

    use rustix::mm::{Advice, madvise};
    use rustix::param::page_size;

    pub(super) fn release(bytes: &'static [u8]) {
        let page = page_size();
        let address = bytes.as_ptr() as usize;
        // Pages at the ends may hold something else.
        let (start, end) = (address.next_multiple_of(page), (address + bytes.len()) / page * page);
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let unchanging = maps.lines().filter_map(read_only_file);
        if start < end && unchanging.into_iter().any(|range| range.start <= start && end <= range.end) {
            let pages = bytes[start - address..end - address].as_ptr().cast_mut();
            // SAFETY: the pages are a read-only mapping of a file, so that what is read next is what was there. A failure
            // leaves them as they are.
            let _ = unsafe { madvise(pages.cast(), end - start, Advice::LinuxDontNeed) };
        }
    }

    /// The addresses of a line of `/proc/self/maps`, where it is a private mapping of a file that cannot be written to.
    fn read_only_file(line: &str) -> Option<Range<usize>> {
        let mut fields = line.split_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let permissions = fields.next()?;
        let inode = fields.nth(2)?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        (permissions.starts_with("r-") && permissions.ends_with('p') && inode != "0")
            .then_some(address(start)?..address(end)?)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn release_keeps_what_is_in_memory_and_in_the_program() {
            let leaked: &'static [u8] = vec![7; 1 << 20].leak();
            release(leaked);
            assert!(leaked.iter().all(|byte| *byte == 7));
            let program = include_bytes!("../../../fixtures/models/vad/silero_vad_16k.safetensors");
            let copy = program.to_vec();
            release(program);
            assert!(program.as_slice() == copy);
        }

        #[test]
        fn read_only_file_is_told_from_other_mappings() {
            let line = |permissions: &str, inode: &str| {
                read_only_file(&format!("1000-3000 {permissions} 00000000 08:01 {inode}    /bin/program"))
            };
            assert_eq!(line("r--p", "77"), Some(0x1000..0x3000));
            assert_eq!(line("r-xp", "77"), Some(0x1000..0x3000));
            assert_eq!(
                [line("rw-p", "77"), line("r--s", "77"), line("r--p", "0"), line("---p", "77")],
                [const { None }; 4]
            );
        }
    }
}
