//! Every error that a person may meet, provoked for real. What they say is `docs/errors.md`; `LARDER_BLESS=1` writes it.
//!
//! Mounts need root: without it their rows are taken from the page as it is, and that is said; under CI it is a failure.

mod clouds;
mod provoke;
mod rows;
mod services;
mod stacks;

use std::path::Path;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");

const BEGIN: &str = "\
# Errors

What each error says, where it comes from, and what to do. Written by `LARDER_BLESS=1 cargo test -p larder-docs-tests --test errors`, which
provokes each of them on real stores; `PATH` stands for the store's folder. The kind is what code matches on
(`error.kind()`), the words in brackets are what to do.

";

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_what_the_stores_say() {
    let folder = tempfile::Builder::new().prefix("larder-errors-").tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let rows = rows::all(&root).await;
    let old = std::fs::read_to_string(PAGE).unwrap_or_default();
    let page = page(&rows, &old, &root);
    if std::env::var_os("LARDER_BLESS").is_some() {
        std::fs::write(PAGE, page).unwrap();
    } else {
        assert_eq!(
            old, page,
            "docs/errors.md: LARDER_BLESS=1 cargo test -p larder-docs-tests --test errors writes it anew"
        );
    }
}

fn page(rows: &[rows::Row], old: &str, root: &Path) -> String {
    let mut page = String::from(BEGIN);
    let mut section = "";
    for row in rows {
        if row.section != section {
            section = row.section;
            page.push_str(&format!("## {section}\n\n"));
        }
        let text = match &row.error {
            Some(error) => {
                let says = error.to_string().replace(row.folder.as_deref().unwrap_or("\0"), "PATH");
                let says = says.replace(&root.display().to_string(), "…").replace(&"k".repeat(600), "kk…kk");
                let says = without_page(&says);
                format!("- **{}** · `{:?}`\n  > {says}\n", row.cause, error.kind())
            }
            None => {
                let begin = format!("- **{}** · ", row.cause);
                let at = old.find(&begin).unwrap_or_else(|| panic!("{} was never provoked", row.cause));
                let end = old[at + 1..].find("\n- **").map_or(old.len(), |end| at + 1 + end + 1);
                let end = old[at..end].find("\n\n").map_or(end, |blank| at + blank + 1);
                old[at..end].to_owned()
            }
        };
        page.push_str(&text);
        if rows.iter().rfind(|r| r.section == section).is_some_and(|last| std::ptr::eq(last, row)) {
            page.push('\n');
        }
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// Which page is found damaged first depends on how writes were grouped.
fn without_page(says: &str) -> String {
    match says.split_once(": page ") {
        None => says.to_owned(),
        Some((before, after)) => {
            format!("{before}: page N{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
    }
}
