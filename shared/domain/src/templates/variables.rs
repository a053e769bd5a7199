use std::collections::BTreeMap;

use handlebars::template::{HelperTemplate, Parameter, TemplateElement};
use handlebars::{Path, Template as Source};

use super::check::{self, InvalidTemplate};

/// A variable that a template inserts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    /// Wherever it stands, something stands there for those who lack it.
    pub has_fallback: bool,
}

/// What a template inserts, each name once. Names inside of `each` and `with` belong to what they walk through and are
/// not told.
pub fn variables(source: &str) -> Result<Vec<Variable>, InvalidTemplate> {
    let mut found = Found::default();
    found.walk(&check::parse_source(source)?, &[]);
    Ok(found.0.into_iter().map(|(name, has_fallback)| Variable { name, has_fallback }).collect())
}

#[derive(Default)]
struct Found(BTreeMap<String, bool>);

impl Found {
    fn walk(&mut self, template: &Source, guarded: &[String]) {
        for element in &template.elements {
            match element {
                TemplateElement::Expression(tag) | TemplateElement::HtmlExpression(tag) => self.tag(tag, guarded),
                TemplateElement::HelperBlock(block) => self.block(block, guarded),
                _ => {}
            }
        }
    }

    fn tag(&mut self, tag: &HelperTemplate, guarded: &[String]) {
        let name = tag.name.as_name().unwrap_or_default();
        match (name, tag.params.as_slice()) {
            ("default", [variable, fallback]) => {
                let literal = matches!(fallback, Parameter::Literal(_));
                self.note(variable, literal, guarded);
                self.note(fallback, false, guarded);
            }
            (_, []) => self.note(&tag.name, false, guarded),
            (_, params) => params.iter().for_each(|param| self.note(param, false, guarded)),
        }
    }

    fn block(&mut self, block: &HelperTemplate, guarded: &[String]) {
        let name = block.name.as_name().unwrap_or_default();
        if matches!(name, "each" | "with") {
            return;
        }
        let mut inside = guarded.to_vec();
        if name == "if" {
            inside.extend(block.params.iter().filter_map(variable));
        }
        let otherwise = if name == "unless" {
            let mut there = guarded.to_vec();
            there.extend(block.params.iter().filter_map(variable));
            there
        } else {
            guarded.to_vec()
        };
        block.template.iter().for_each(|template| self.walk(template, &inside));
        block.inverse.iter().for_each(|template| self.walk(template, &otherwise));
    }

    fn note(&mut self, parameter: &Parameter, has_fallback: bool, guarded: &[String]) {
        if let Some(name) = variable(parameter) {
            let safe = has_fallback || guarded.contains(&name);
            self.0.entry(name).and_modify(|before| *before &= safe).or_insert(safe);
        }
    }
}

fn variable(parameter: &Parameter) -> Option<String> {
    match parameter {
        Parameter::Name(name) => Some(name.clone()),
        Parameter::Path(Path::Relative((_, raw))) => Some(raw.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<(String, bool)> {
        let all = variables(source).expect("a template");
        all.into_iter().map(|variable| (variable.name, variable.has_fallback)).collect()
    }

    #[test]
    fn variables_are_found_with_their_fallbacks() {
        let one = |name: &str, fallback| vec![(name.to_owned(), fallback)];
        assert_eq!(found("Hi {{name}}"), one("name", false));
        assert_eq!(found("Hi {{{contact.name}}}"), one("contact.name", false));
        assert_eq!(found(r#"Hi {{default name "there"}}"#), one("name", true));
        assert_eq!(found("Hi {{#if name}}{{name}}{{else}}you{{/if}}"), one("name", true));
        assert_eq!(found("Hi {{#unless name}}you{{else}}{{name}}{{/unless}}"), one("name", true));
        assert_eq!(found("{{uppercase company}}"), one("company", false));
        assert_eq!(found(r#"{{default name "x"}} {{name}}"#), one("name", false), "once without is without");
        assert_eq!(found("{{#each items}}{{title}}{{/each}}{{! {{nothing}} }}").len(), 0);
    }
}
