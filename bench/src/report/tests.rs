use std::{env, fs, process};

use super::{
    fixture::{nothing, something},
    *,
};

#[test]
fn the_same_results_give_the_same_bytes() {
    let written = serde_json::to_string(&something()).expect("results are written");
    let read: Results = serde_json::from_str(&written).expect("results are read");
    assert_eq!(
        files(&read).expect("a report"),
        files(&something()).expect("a report")
    );
}

#[test]
fn a_page_names_the_plots_that_are_there_and_no_others() {
    for results in [something(), nothing()] {
        let files = files(&results).expect("a report");
        let (_, page) = &files[0];
        let page = page.as_ref().expect("there is always a page");
        for (path, svg) in &files[1..] {
            assert_eq!(
                page.contains(&format!("({})", path.display())),
                svg.is_some(),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn a_run_of_nothing_shows_the_bar_and_no_empty_sections() {
    let files = files(&nothing()).expect("a report");
    let page = files[0].1.as_ref().expect("there is always a page");
    let sections: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    assert_eq!(sections, ["How to read this", "The bar"]);
    assert!(!page.contains("NaN"));
}

#[test]
fn many_connections_are_shown_beside_few() {
    let files = files(&something()).expect("a report");
    let page = files[0].1.as_ref().expect("there is always a page");
    let table = |title: &str| -> Vec<&str> {
        let (_, after) = page.split_once(title).expect("the page has that section");
        let rows = after.lines().filter(|line| line.starts_with('|'));
        rows.take(3).collect()
    };
    let few = table("### 100 connections");
    assert!(!few[0].contains("to 100 connections"), "{few:?}");
    let many = table("### 10,000 connections");
    assert!(many[0].contains("to 100 connections"), "{many:?}");
    assert!(many[2].contains("| 0.75 |"), "{many:?}");
}

#[test]
fn nothing_is_shown_that_is_no_number() {
    for (path, content) in files(&something()).expect("a report") {
        let content = content.unwrap_or_default();
        assert!(
            !content.contains("NaN") && !content.contains("inf "),
            "{}",
            path.display()
        );
    }
}

#[test]
fn plots_of_an_earlier_run_go_away() {
    let docs = env::temp_dir().join(format!("bench-report-{}", process::id()));
    let plots = || {
        fs::read_dir(docs.join(NAME))
            .expect("the folder of plots is read")
            .count()
    };
    write(&something(), &docs).expect("a report is written");
    assert!(plots() > 0);
    write(&nothing(), &docs).expect("a report is written");
    assert_eq!(plots(), 0);
    fs::remove_dir_all(&docs).expect("the folder is removed");
}
