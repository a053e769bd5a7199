use clap::Args;

#[derive(Args)]
pub struct OpenapiOptions {}

/// Made of the code, as `/openapi.json` serves it; needs neither Postgres nor Redis.
pub fn run(_: &OpenapiOptions) -> anyhow::Result<()> {
    println!("{}", ::api::openapi_json()?);
    Ok(())
}
