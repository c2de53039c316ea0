//! The nearest name to a mistyped one.

/// `; did you mean "…"?` with the nearest of these names, or `otherwise` where none is near.
pub fn did_you_mean<'a>(
    typed: &str,
    names: impl IntoIterator<Item = &'a str>,
    otherwise: &str,
) -> String {
    let near = |name: &&str| strsim::jaro_winkler(typed, name);
    let nearest = names
        .into_iter()
        .map(|name| (near(&name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map_or_else(
        || format!("; {otherwise}"),
        |(_, name)| format!("; did you mean {name:?}?"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_suggested() {
        let names = ["response.date", "retry.digits"];
        assert_eq!(
            did_you_mean("response.dat", names, "see list"),
            "; did you mean \"response.date\"?"
        );
        assert_eq!(did_you_mean("qqq", names, "see list"), "; see list");
    }
}
