//! The Lua, loaded on first use and again whenever Redis has forgotten it.

use std::sync::LazyLock;

use link::Script;

macro_rules! scripts {
    ($($name:ident = $file:literal;)+) => {
        $(pub static $name: LazyLock<Script> =
            LazyLock::new(|| link::script(&[include_str!("lua/window.lua"), include_str!($file)]));)+
    };
}

scripts! {
    AUDIT = "lua/audit.lua";
    BEAT = "lua/beat.lua";
    BEGIN = "lua/begin.lua";
    CLAIM = "lua/claim.lua";
    DROP_CRASHED = "lua/drop_crashed.lua";
    FORFEIT = "lua/forfeit.lua";
    MARK = "lua/mark.lua";
    OCCUPANCY = "lua/occupancy.lua";
    PLACE = "lua/place.lua";
    PUSH = "lua/push.lua";
    RENEW = "lua/renew.lua";
    RESERVE = "lua/reserve.lua";
    SETTLE = "lua/settle.lua";
    STANDING = "lua/standing.lua";
    UNRESERVE = "lua/unreserve.lua";
}
