//! What a remedy says is pasted into the configuration of the hop it is for: the product takes it,
//! the finding is gone, and nothing else is found in its place. One that is not installed shows as
//! ignored, with what is missing; with `SSEKIT_REQUIRE_PEERS=1` it fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod case;
mod cases;
mod folder;
#[path = "../hop/mod.rs"]
mod hop;
#[path = "../needs/mod.rs"]
mod needs;

use std::collections::BTreeSet;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use case::{Case, Edit, blocks, put};
use cases::CASES;
use folder::Folder;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // A few at a time: a run mostly waits, but what is judged is when things arrive.
    arguments.test_threads = Some(4);
    let trials = CASES.iter().map(|case| trial(*case)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(case: Case) -> Trial {
    let Case { hop, finds, .. } = case;
    let absence = hop::absence(&hop::proxies().join(hop));
    // What is wrong twice in a row is wrong: times on a busy machine.
    needs::trial(format!("{hop} {finds}"), absence, move || {
        mended(&case).or_else(|_| mended(&case))
    })
}

fn mended(case: &Case) -> Result<(), Failed> {
    let folder = Folder::of(case);
    let broken = match case.defect {
        Edit::None => folder.text(),
        Edit::Put(lines, place) => put(&folder.text(), lines, place),
        Edit::Swap(all) => all
            .iter()
            .fold(folder.text(), |text, (from, to)| text.replace(from, to)),
    };
    folder.write(&broken);
    let before = folder.findings(case)?;
    let Some(remedy) = before.get(case.finds) else {
        return Err(format!("{} finds nothing to mend", case.finds).into());
    };
    let lines = blocks(remedy);
    let lines = lines.get(case.block).ok_or("the remedy has no lines")?;
    let lines = lines.replace("http://origin/", "http://@ORIGIN@/");
    let lines = lines.replace("reverse_proxy origin", "reverse_proxy @ORIGIN@");
    folder.write(&put(&broken, &lines, case.paste));
    let after = folder.findings(case)?;
    let known: BTreeSet<_> = before.keys().filter(|id| *id != case.finds).collect();
    let worse: Vec<_> = after.keys().filter(|id| !known.contains(id)).collect();
    if worse.is_empty() {
        return Ok(());
    }
    Err(format!("with\n{lines}\nthere is {worse:?}").into())
}
