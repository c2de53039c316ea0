//! What makes two runs the same: all of a scenario but where its reports go, what it is compared with,
//! and which part of it a process runs.

use toml::Table;

/// Tables that change nothing about the run as a whole.
const ASIDE: [&str; 3] = ["output", "baseline", "shard"];

/// The part of a scenario, as TOML, that two runs must share to be compared or merged. A text that is
/// not TOML is given back as it is.
pub fn essence(toml: &str) -> String {
    let Ok(mut table) = toml.parse::<Table>() else {
        return toml.to_owned();
    };
    for name in ASIDE {
        table.remove(name);
    }
    toml::to_string(&table).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::essence;

    #[test]
    fn only_what_is_run_counts() {
        let run = "name = \"a\"\n[target]\nurl = \"http://127.0.0.1/\"\n";
        let aside =
            "[output]\ndir = \"x\"\n[shard]\nindex = 1\ncount = 2\n[baseline]\nfile = \"f\"\n";
        assert_eq!(essence(&format!("{run}{aside}")), essence(run));
        assert_ne!(essence(&run.replace('a', "b")), essence(run));
        assert_eq!(essence("no = = TOML"), "no = = TOML");
    }
}
