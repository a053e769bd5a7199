use super::*;
use proptest::prelude::*;
use serde_json::json;

fn render(source: &str, data: Value) -> Result<String, RenderFailure> {
    let Value::Object(data) = data else { panic!("data is an object") };
    Template::compile(source, Escape::Html).expect("compiles").render(&data)
}

#[test]
fn tags_are_filled_escaped_and_empty_where_missing() {
    assert_eq!(render("Hi {{name}}{{nope}}{{a.b.c}}!", json!({"name": "A & <b>"})), Ok("Hi A &amp; &lt;b&gt;!".into()));
    let Value::Object(data) = json!({"name": "A & B"}) else { unreachable!() };
    let plain = Template::compile("Hi {{name}}", Escape::Plain).expect("compiles");
    assert_eq!(plain.render(&data), Ok("Hi A & B".into()));
}

#[test]
fn helpers_do_what_their_names_say_and_escape() {
    for (source, shown) in [
        ("{{default name \"there\"}}", "Ann &amp; Co"),
        ("{{default nope \"there\"}}", "there"),
        ("{{default empty \"there\"}}", "there"),
        ("{{uppercase name}}", "ANN &amp; CO"),
        ("{{date_format day \"%d %B %Y\"}}", "04 March 2026"),
        ("{{date_format at \"%H:%M\"}}", "05:06"),
        ("{{date_format name}}", "Ann &amp; Co"),
        ("{{date_format nope}}", ""),
    ] {
        let data = json!({"name": "Ann & Co", "empty": "", "day": "2026-03-04", "at": "2026-03-04T05:06:07Z"});
        assert_eq!(render(source, data), Ok(shown.into()), "{source}");
    }
    assert!(render("{{date_format day \"%Q%\"}}", json!({"day": "2026-03-04"})).is_err());
}

#[test]
fn each_walks_lists_and_maps() {
    let data = json!({"list": [{"n": 1}, {"n": 2}], "map": {"a": 1, "b": 2}, "none": [], "deep": [[1, 2], [3]]});
    for (source, shown) in [
        ("{{#each list}}{{@index}}:{{n}}{{#unless @last}},{{/unless}}{{/each}}", "0:1,1:2"),
        ("{{#each list as |item i|}}{{i}}={{item.n}} {{/each}}", "0=1 1=2 "),
        ("{{#each map}}{{@key}}={{this}} {{/each}}", "a=1 b=2 "),
        ("{{#each none}}x{{else}}empty{{/each}}", "empty"),
        ("{{#each deep}}[{{#each this}}{{this}}{{/each}}]{{/each}}", "[12][3]"),
        ("{{#each list}}{{../map.a}}{{/each}}", "11"),
        ("{{#each (lookup this \"list\")}}{{n}}{{/each}}", "12"),
    ] {
        assert_eq!(render(source, data.clone()), Ok(shown.into()), "{source}");
    }
}

#[test]
fn what_could_recurse_or_log_is_refused() {
    for source in
        ["{{> a}}", "{{~> a}}", "{{#> a}}{{/a}}", "{{#*inline \"a\"}}{{> a}}{{/inline}}", "{{* a}}", "{{#  > a}}{{/a}}"]
    {
        assert_eq!(Template::check(source), Err(InvalidTemplate::Partial), "{source}");
    }
    assert!(render("{{log secret \"x\"}}", json!({"secret": 1})).is_err());
}

#[test]
fn depth_is_refused_before_the_parser_recurses() {
    let nested = |n: usize| format!("{}x{}", "{{#if a}}".repeat(n), "{{/if}}".repeat(n));
    assert_eq!(Template::check(&nested(DEPTH_MAX)), Ok(()));
    assert_eq!(Template::check(&nested(10_000)), Err(InvalidTemplate::TooDeep));
    assert_eq!(Template::check(&"{{#if a}}".repeat(10_000)), Err(InvalidTemplate::TooDeep));
    // What the parser reads as text, comment or string must not count as a block that closes.
    for hidden in [
        "\\{{/if}}",
        "{{!-- {{/if}} --}}",
        "{{!-- }}{{/if}} --}}",
        "{{x \"}}{{/if}}\"}}",
        "{{{{r}}}}{{/if}}{{{{/r}}}}",
        "{{~!-- {{/if}} --}}",
        "{{[}}{{/if}}]}}",
        "{{! -- }}{{/if}} --}}",
        "{{\u{a0}/if}}",
        r#"{{x {"a":{"b":{}}, "c":"{{/if}}"}}}"#,
    ] {
        let fooled = format!("{}{}", format!("{{{{#if a}}}}{hidden}").repeat(5_000), "{{/if}}".repeat(5_000));
        let refused = Template::check(&fooled);
        assert!(matches!(refused, Err(InvalidTemplate::TooDeep | InvalidTemplate::Unclear)), "{hidden}: {refused:?}");
    }
    let hidden_opening = format!("{}{}", "{{ ~#if a}}".repeat(3_000), "{{/if}}".repeat(3_000));
    assert_eq!(Template::check(&hidden_opening), Err(InvalidTemplate::TooDeep));
    let inverted = "{{#if a}}x{{^}}y{{/if}}".repeat(40);
    assert_eq!(Template::check(&inverted), Ok(()));
    assert!(Template::check(&format!("{{{{a {}}}}}", "[".repeat(500))).is_err());
    assert_eq!(Template::check("{{! a comment }}{{!-- {{a}} --}}{{{raw}}}{{a \"}} it's\"}}{{a.[0]}}"), Ok(()));
    let parens = format!("{{{{a {}b{}}}}}", "(a ".repeat(300), ")".repeat(300));
    assert!(Template::check(&parens).is_err());
    let chain = format!("{{{{#if a}}}}{}{{{{/if}}}}", "{{else if b}}".repeat(5_000));
    assert_eq!(Template::check(&chain), Err(InvalidTemplate::TooDeep));
}

#[test]
fn loops_and_output_are_bounded() {
    let list: Vec<u32> = (0..20_000).collect();
    let silent = "{{#each a}}{{#each ../a}}{{#if nope}}{{/if}}{{/each}}{{/each}}";
    assert_eq!(render(silent, json!({"a": list})), Err(RenderFailure::TooMuch));
    let loud = format!("{{{{#each a}}}}{}{{{{/each}}}}", "x".repeat(200));
    assert_eq!(render(&loud, json!({"a": (0..20_000).collect::<Vec<u32>>()})), Err(RenderFailure::TooMuch));
    assert_eq!(Template::check(&"x".repeat(SOURCE_MAX_BYTES + 1)), Err(InvalidTemplate::TooLarge));
}

#[test]
fn a_spent_budget_does_not_poison_the_next_rendering() {
    let list: Vec<u32> = (0..20_000).collect();
    assert!(render("{{#each a}}{{#each ../a}}{{b}}{{/each}}{{/each}}", json!({"a": list})).is_err());
    assert_eq!(render("{{#each a}}{{this}}{{/each}}", json!({"a": [1, 2]})), Ok("12".into()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_source_makes_compiling_or_rendering_panic(source in "([{}#/~>*!&(). a-c\"|=@]|\\{\\{|\\}\\}|each|else|if){0,60}") {
        if let Ok(template) = Template::compile(&source, Escape::Html) {
            let Value::Object(data) = json!({"a": [1, {"b": 2}], "b": {"c": [3]}}) else { unreachable!() };
            let _ = template.render(&data);
        }
    }
}
