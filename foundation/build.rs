//! Has the migrations embedded anew when one is added: the macro that embeds them sees only changes of those that it has.

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
}
