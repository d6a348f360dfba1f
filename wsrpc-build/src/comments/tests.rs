use super::*;

#[test]
fn text_stays() {
    assert_eq!(
        documentation(" One.\n\n Two,\n   more.\n"),
        " One.\n\n Two,\n   more.\n"
    );
    assert_eq!(documentation("no space\n"), " no space\n");
    assert_eq!(documentation(" - a\n   b\n 2. c\n"), " - a\n   b\n 2. c\n");
    assert_eq!(documentation(""), "");
}

#[test]
fn fenced_code_is_not_rust() {
    assert_eq!(
        documentation(" ```\n a();\n ```\n b\n"),
        " ```text\n a();\n ```\n b\n"
    );
    assert_eq!(
        documentation(" ~~~rust\n a();\n ~~~\n"),
        " ~~~text\n a();\n ~~~\n"
    );
    assert_eq!(
        documentation(" - ```rust\n   a();\n   ```\n"),
        " - ```text\n   a();\n ```\n"
    );
    assert_eq!(
        documentation(" > ```\n > a\n > ```\n"),
        " > ```text\n > a\n > ```\n"
    );
}

#[test]
fn an_open_fence_is_closed() {
    assert_eq!(documentation(" ````\n ```\n"), " ````text\n ```\n ````\n");
}

#[test]
fn indented_code_is_not_rust() {
    assert_eq!(
        documentation(" So:\n\n     let a;\n\n       b\n\n End.\n"),
        " So:\n\n ```text\n let a;\n\n   b\n ```\n\n End.\n"
    );
    assert_eq!(documentation(" a\n     not code\n"), " a\n     not code\n");
    assert_eq!(
        documentation(" # Title\n     code\n"),
        " # Title\n ```text\n code\n ```\n"
    );
    assert_eq!(
        documentation(" >     code\n -     code\n"),
        " > code\n - code\n"
    );
}

#[test]
fn an_indented_fence_is_not_rust() {
    assert_eq!(
        documentation(" a\n\n     ```\n     b\n     ```\n"),
        " a\n\n ```text\n     b\n ```\n"
    );
}

#[test]
fn brackets_are_no_html() {
    assert_eq!(
        documentation(" A list<T>, `b<T>`, \\<c>.\n"),
        " A list\\<T>, `b<T>`, \\<c>.\n"
    );
    assert_eq!(
        documentation(" See <https://a.b/c>.\n"),
        " See <https://a.b/c>.\n"
    );
}

#[test]
fn addresses_are_links_without_the_punctuation_behind() {
    for (comment, expected) in [
        ("https://a.b/c.", "<https://a.b/c>."),
        ("(see http://a.b/c?d=e#f)", "(see <http://a.b/c?d=e#f>)"),
        ("https://a.b, https://c", "<https://a.b>, <https://c>"),
        ("[a](https://b.c/d.), [", "[a](https://b.c/d.), \\["),
        ("`https://a.b`", "`https://a.b`"),
        ("https:// and https", "https:// and https"),
        ("<https://a b>", "\\<<https://a> b>"),
    ] {
        assert_eq!(
            documentation(&format!(" {comment}\n")),
            format!(" {expected}\n")
        );
    }
}

#[test]
fn brackets_are_no_links_unless_to_an_address() {
    for (comment, expected) in [
        ("[a] and b[0]", "\\[a] and b\\[0]"),
        ("[a][b] [c](d)", "\\[a]\\[b] \\[c](d)"),
        ("`a[0]` \\[b]", "`a[0]` \\[b]"),
    ] {
        assert_eq!(
            documentation(&format!(" {comment}\n")),
            format!(" {expected}\n")
        );
    }
}

#[test]
fn what_is_hidden_comes_back() {
    for text in [" a[0], https://b.\n", "   three spaces\n", "\n", "none\n"] {
        let mut code = hide(text);
        assert!(!code.contains('[') && !code.contains("://"), "{code}");
        // As prost writes it: with a space in front, where there is none.
        if code.starts_with(MARGIN) {
            code.insert(0, ' ');
        }
        reveal(&mut code);
        assert_eq!(code, text);
    }
}

#[test]
fn characters_that_rustc_refuses_go() {
    assert_eq!(documentation(" a\r b\u{202e}c\r\n"), " a\n bc\n");
}

#[test]
fn nothing_breaks_it() {
    let pieces = [
        " ", "`", "```", "<", ">", "\\", "-", "1.", "é", "\n", "    ", "x", "https://", "\t",
    ];
    let mut seed = 1_u32;
    for _ in 0..20_000 {
        let text: String = (0..16)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                pieces[(seed >> 16) as usize % pieces.len()]
            })
            .collect();
        documentation(&text);
    }
}
