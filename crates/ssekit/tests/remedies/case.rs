//! A hop with a defect, and how its configuration is changed.

/// A hop with a defect, and where its remedy belongs.
#[derive(Clone, Copy)]
pub struct Case {
    /// Folder of the scenario, and its configuration.
    pub hop: &'static str,
    pub file: &'static str,
    /// Lines that make the defect.
    pub defect: Edit,
    /// The check that finds it.
    pub finds: &'static str,
    /// Which lines of the remedy: those of some products give several.
    pub block: usize,
    /// Where they go.
    pub paste: Place,
    pub arguments: &'static [&'static str],
}

#[derive(Clone, Copy)]
pub enum Edit {
    None,
    Put(&'static str, Place),
    /// Of each text, another.
    Swap(&'static [(&'static str, &'static str)]),
}

/// Beside or in place of the first line that holds a text.
#[derive(Clone, Copy)]
pub enum Place {
    After(&'static str),
    Before(&'static str),
    /// After it, where lines that begin so are replaced.
    Over(&'static str, &'static str),
    Instead(&'static str),
    End,
}
/// The lines to paste, by block.
pub fn blocks(remedy: &str) -> Vec<String> {
    let mut blocks: Vec<Vec<&str>> = vec![Vec::new()];
    for line in remedy.lines() {
        match (line.strip_prefix("    "), blocks.last_mut()) {
            (Some(line), Some(block)) => block.push(line),
            _ => blocks.push(Vec::new()),
        }
    }
    let full = blocks.iter().filter(|block| !block.is_empty());
    full.map(|block| block.join("\n")).collect()
}

/// The text with these lines in their place, indented as the line they are put beside.
pub fn put(text: &str, lines: &str, place: Place) -> String {
    let (Place::After(anchor)
    | Place::Before(anchor)
    | Place::Over(anchor, _)
    | Place::Instead(anchor)) = place
    else {
        return format!("{text}\n{lines}\n");
    };
    let at = text.lines().position(|line| line.contains(anchor));
    let at = at.unwrap_or_else(|| panic!("no {anchor} in\n{text}"));
    let mut all: Vec<String> = text.lines().map(str::to_owned).collect();
    let indent = all[at].len() - all[at].trim_start().len();
    let lines = lines.lines().map(|line| format!("{:indent$}{line}", ""));
    let range = match place {
        Place::Before(_) => at..at,
        Place::Instead(_) => at..end(&all, at),
        _ => at + 1..at + 1,
    };
    let new: Vec<String> = lines.collect();
    let (from, count) = (range.start, new.len());
    all.splice(range, new);
    if let Place::Over(_, old) = place {
        let mut at = 0;
        all.retain(|line| {
            let own = (from..from + count).contains(&at);
            at += 1;
            own || !line.trim_start().starts_with(old)
        });
    }
    all.join("\n") + "\n"
}

/// Where the block ends that begins at this line: behind the brace that closes it.
fn end(lines: &[String], at: usize) -> usize {
    let mut depth = 0_i32;
    for (n, line) in lines.iter().enumerate().skip(at) {
        let braces = |brace| i32::try_from(line.matches(brace).count()).unwrap();
        depth += braces('{') - braces('}');
        if depth <= 0 {
            return n + 1;
        }
    }
    lines.len()
}
