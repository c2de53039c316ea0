//! A subject that is one command, without a manifest.
use super::{Subject, SubjectError, manifest};
use std::{collections::BTreeMap, path::Path};

impl Subject {
    /// A server that `start` starts in the current folder; `{port}` in the command and the addresses
    /// is the port chosen at run time, which also is `PORT` in its environment.
    ///
    /// Readiness is asked at `ready`, or at `url` where there is none; `url` is `ready` where there
    /// is none. A port that is written out is taken as it is.
    ///
    /// # Errors
    /// [`SubjectError::Command`] for an empty command, no address, or one that is not of this
    /// machine.
    pub fn of_command(
        start: &str,
        ready: Option<&str>,
        url: Option<&str>,
    ) -> Result<Self, SubjectError> {
        let refuse = |message: String| Err(SubjectError::Command(message));
        if start.trim().is_empty() || start.contains('\0') {
            return refuse("there is no command to start".into());
        }
        let (Some(ready), Some(url)) = (ready.or(url), url.or(ready)) else {
            return refuse(
                "a server that is started needs --ready URL, or the URL of its stream".into(),
            );
        };
        for address in [ready, url] {
            if !manifest::is_on_this_machine(address) {
                return refuse(format!(
                    "{address}: a server that is started is asked at http://127.0.0.1:{{port}}/… \
                     (or https, localhost, [::1], a port written out)"
                ));
            }
        }
        let dir =
            std::path::absolute(Path::new(".")).map_err(|source| SubjectError::Unreadable {
                path: ".".into(),
                source,
            })?;
        Ok(Self {
            name: "the server".into(),
            about: String::new(),
            install: Vec::new(),
            needs: Vec::new(),
            version: None,
            start: start.to_owned(),
            ready: ready.to_owned(),
            url: url.to_owned(),
            echo: None,
            ready_within_s: manifest::DEFAULT_READY_WITHIN_S,
            env: BTreeMap::from([("PORT".into(), "{port}".into())]),
            expect: None,
            dir,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_address_serves_as_both() {
        let at = "http://127.0.0.1:{port}/events";
        for (ready, url) in [(Some(at), None), (None, Some(at))] {
            let subject = Subject::of_command("node s.js {port}", ready, url).unwrap();
            let resolved = subject.resolved(8123, "/scratch");
            assert_eq!(resolved.start, "node s.js 8123");
            assert_eq!(resolved.ready, "http://127.0.0.1:8123/events");
            assert_eq!(resolved.url, resolved.ready);
            assert_eq!(resolved.env["PORT"], "8123");
        }
    }

    #[test]
    fn only_addresses_of_this_machine_are_taken() {
        let taken = |url| Subject::of_command("x", None, Some(url)).is_ok();
        for url in [
            "http://127.0.0.1:{port}/",
            "https://localhost:{port}",
            "http://[::1]:3000/x?y",
            "http://localhost/events",
        ] {
            assert!(taken(url), "{url}");
        }
        for url in [
            "http://example.com:{port}/",
            "http://127.0.0.1.example.com/",
            "http://127.0.0.1:99999/",
            "http://127.0.0.1:x{port}/",
            "http://user@127.0.0.1:3000/",
            "ftp://127.0.0.1:{port}/",
            "/events",
        ] {
            assert!(!taken(url), "{url}");
        }
        assert!(Subject::of_command(" ", None, Some("http://[::1]:{port}/")).is_err());
        assert!(Subject::of_command("x", None, None).is_err());
    }
}
