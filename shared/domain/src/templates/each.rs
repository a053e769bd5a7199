//! `{{#each}}`, counting its steps.

use handlebars::{
    BlockContext, BlockParams, Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext,
    RenderError, RenderErrorReason, Renderable,
};
use serde_json::Value;

use super::budget;

pub struct BudgetedEach;

impl HelperDef for BudgetedEach {
    fn call<'reg: 'rc, 'rc>(
        &self,
        h: &Helper<'rc>,
        r: &'reg Handlebars<'reg>,
        ctx: &'rc Context,
        rc: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let list = h.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex("each", 0))?;
        let items: Vec<(Option<&String>, &Value)> = match list.value() {
            Value::Array(items) => items.iter().map(|item| (None, item)).collect(),
            Value::Object(map) => map.iter().map(|(key, item)| (Some(key), item)).collect(),
            _ => Vec::new(),
        };
        if items.is_empty() {
            return h.inverse().map_or(Ok(()), |otherwise| otherwise.render(r, ctx, rc, out));
        }
        let Some(template) = h.template() else { return Ok(()) };

        let mut path = list.context_path().cloned();
        if let Some(path) = &mut path {
            path.push(String::new());
        }
        rc.push_block(BlockContext::new());
        let last = items.len() - 1;
        for (index, (key, value)) in items.into_iter().enumerate() {
            if !budget::take_step() {
                return Err(RenderErrorReason::Other("too many steps".into()).into());
            }
            let segment = key.cloned().unwrap_or_else(|| index.to_string());
            if let Some(block) = rc.block_mut() {
                block.set_local_var("first", Value::from(index == 0));
                block.set_local_var("last", Value::from(index == last));
                block.set_local_var("index", Value::from(index));
                if let Some(key) = key {
                    block.set_local_var("key", Value::from(key.as_str()));
                }
                if let Some(path) = &mut path {
                    if let Some(end) = path.last_mut() {
                        *end = segment.clone();
                    }
                    block.base_path_mut().clone_from(path);
                } else {
                    block.set_base_value(value.clone());
                }
                set_block_params(
                    block,
                    h,
                    key.map_or_else(|| Value::from(index), |key| Value::from(key.as_str())),
                    value,
                )?;
            }
            template.render(r, ctx, rc, out)?;
        }
        rc.pop_block();
        Ok(())
    }
}

/// Serves `{{#each list as |item key|}}`.
fn set_block_params<'rc>(
    block: &mut BlockContext<'rc>,
    h: &Helper<'rc>,
    key: Value,
    value: &Value,
) -> Result<(), RenderError> {
    let mut params = BlockParams::new();
    if let Some(name) = h.block_param() {
        params.add_value(name, value.clone())?;
    } else if let Some((name, key_name)) = h.block_param_pair() {
        params.add_value(name, value.clone())?;
        params.add_value(key_name, key)?;
    } else {
        return Ok(());
    }
    block.set_block_params(params);
    Ok(())
}
