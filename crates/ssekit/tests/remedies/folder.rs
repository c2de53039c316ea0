//! A copy of a scenario.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::Value;
use tempfile::TempDir;

use crate::case::Case;
use crate::hop;

/// A copy of a scenario whose configuration can be changed.
pub struct Folder {
    _root: TempDir,
    hop: PathBuf,
    file: &'static str,
}

impl Folder {
    pub fn of(case: &Case) -> Self {
        let root = tempfile::tempdir().unwrap();
        // Some products run as another user.
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(root.path(), open).unwrap();
        let hop = root.path().join(case.hop);
        fs::create_dir(&hop).unwrap();
        fs::copy(hop::proxies().join("fill.sh"), root.path().join("fill.sh")).unwrap();
        let from = fs::canonicalize(hop::proxies().join(case.hop)).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let to = hop.join(path.file_name().unwrap());
            if path.is_dir() {
                symlink(&path, &to).unwrap();
            } else {
                fs::copy(&path, &to).unwrap();
            }
        }
        if case.hop.starts_with("httpd") {
            on_events(&hop.join("proxy.toml"));
        }
        Self {
            _root: root,
            hop,
            file: case.file,
        }
    }

    pub fn text(&self) -> String {
        fs::read_to_string(self.hop.join(self.file)).unwrap()
    }

    pub fn write(&self, text: &str) {
        fs::write(self.hop.join(self.file), text).unwrap();
    }

    /// What is found, each with its remedy.
    pub fn findings(&self, case: &Case) -> Result<BTreeMap<String, String>, Failed> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ssekit"));
        command.args(["proxy", "--format", "json"]).arg(&self.hop);
        let output = command.args(case.arguments).output()?;
        let record: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
            let errors = String::from_utf8_lossy(&output.stderr);
            format!("{error}: no record; {errors}; with\n{}", self.text())
        })?;
        let checks = record["checks"].as_array().ok_or("no checks")?;
        let found = |check: &&Value| {
            ["warn", "fail", "error"]
                .iter()
                .any(|v| check["verdict"] == *v)
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let found = checks.iter().filter(found);
        Ok(found
            .map(|c| (text(&c["id"]), text(&c["remedy"])))
            .collect())
    }
}

/// The remedies of httpd are for the path of a stream.
fn on_events(scenario: &Path) {
    let text = fs::read_to_string(scenario).unwrap();
    let via = "via = \"http://{listen}/events\"\nstart = ";
    fs::write(scenario, text.replace("start = ", via)).unwrap();
}
