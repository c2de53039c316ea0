//! Limits of the system that a process may raise itself.

/// Raises the limit of open files to what the system allows without further rights. Where that is
/// refused the old limit stays, and connections beyond it fail one by one.
pub fn raise_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
