//! `larder-sim CAMPAIGN [--options]`: see [`larder_sim`].

use std::process::ExitCode;

use larder_sim::args::Args;
use larder_sim::{
    Outcome, bounds, bulk, damage, dump_damage, faults, fence, freeze, fronts, full_disk, hostile, kill,
    limits, move_kill, open, permissions, report, secrets, vector_kill,
};

const HELP: &str = "\
larder-sim CAMPAIGN [--options]

  kill    writers are killed with SIGKILL; nothing acknowledged may be lost
            --store file,lmdb|all  --kills 2000  --processes 4  --jobs 1  --params sync=none  --dir FOLDER
            --mutant ack-first|two-steps|plain-cas|split-transaction
  damage  bits flip, files end early, pages are zeroed or swapped; no read may give a wrong value, hang, or die twice
            --store file,lmdb|all|stack  --cases 100000  --jobs 2  --params …  --patience 10  --dir FOLDER

  dump-damage  dumps are cut at every byte and edited; no changed entry is imported, and all is said
            --cases 100000  --cuts 2000 (of larger dumps)  --jobs 2

  full-disk  puts fail with Full, nothing stored is harmed, deletes work, no process dies
            --store file,lmdb|all|stack  --disk tmpfs|ext4  --rounds 20  --params …

  bounds  far more than fits passes through memory and LMDB: blocks, anonymous memory, speed at the end and the beginning
            --bytes 10240 (MiB, read and then written)  --cache 256 (MiB)  --memory 64 (MiB)  --size N (bytes of a value)
            --dir FOLDER

  bulk  millions of small entries are exported, imported, copied and verified: anonymous memory stays as it is for few
            --entries 10000000  --few 100000  --dir FOLDER

  open  how long opening a stack over an LMDB cache of many entries takes, and after every owner of its fence died
            --entries 1000000  --opens 200  --deaths 20  --writes 256  --dir FOLDER

  limits  a listing of a million keys and a value of 1 GiB, in a process with a data limit
            --store file,lmdb|all|s3  --keys 1000000  --value 1024 (MiB)  --limit 96 (MiB)  --params sync=none
            --layout plain|record|all (s3)  --dir FOLDER

  move-kill  exports, imports and copies are killed until one run of each ends: equal, nothing twice, nothing left behind
            --kills 1000  --jobs 2  --mutant lost-entry|flipped-byte  --dir FOLDER

  hostile-keys  keys that look like paths, escapes, names of the store's own; none leaves the root, all come back
            --store memory,file,lmdb|all  --keys 1000000  --params sync=none  --dir FOLDER

  permissions  wrong modes, owners, links and pipes, met by an ordinary user: refused with words that help
            --store file,lmdb|all|stack

  secrets  canaries in URLs and configurations occur in no output of a whole run at the level TRACE

  fence  opening, cost, kills, damage and cuts of the table that processes share
            --rounds 200  --writes 256  --operations 1000000  --kills 2000  --processes 8  --cases 20000  --cuts 200
            --dir FOLDER

  fronts  processes that share a stack are killed; every key is one register, whoever asks
            --seconds 120  --kills 100  --processes 4  --mutant past-fence|own-fence  --dir FOLDER

  faults  calls of fronts go wrong in every way; no call of their stack fails, and nothing stale is seen
            --calls 1000000  --mutant past-fence  --dir FOLDER

  freeze  processes of a stack are stopped and go on while clocks jump or stand; nothing is served past its freshness
            --freezes 1000  --mutant both-clocks  --dir FOLDER

  vector-kill  writers of a collection of vectors are killed, and fenced by others; what was acknowledged is there, and once
            --store file,lmdb|all  --kills 1000  --mutant ack-first  --dir FOLDER

  wire  the wire to a bucket does harm of every kind, 5 % each; nothing acknowledged is lost, nothing comes from nowhere
            --operations 100000  --layout plain|record|all  --mutant no-conditions|resending-proxy

  cold-start  the Lambda example, from its main to the first value out of a cache that is there; it connects to nothing
            --function target/function/larder-lambda  --starts 500  --kills 100  --dir FOLDER

Each takes --seed N (it prints the one it took) and --json (a line for each store instead of a table).
The exit code is 0 when nothing is wrong, 1 when something is, 2 when the campaign itself could not go on.";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let campaign = words.next().unwrap_or_default();
    let done = Args::parse(words).and_then(|args| run(&campaign, args));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(failure) => {
            eprintln!("larder-sim: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing is wrong.
fn run(campaign: &str, mut args: Args) -> Outcome<bool> {
    let roles = [
        bounds::role,
        bulk::role,
        open::role,
        kill::role,
        move_kill::role,
        damage::role,
        full_disk::role,
        limits::role,
        permissions::role,
        secrets::role,
        fence::role,
        freeze::role,
        vector_kill::role,
        #[cfg(feature = "s3")]
        larder_sim::cold_start::role,
    ];
    if let Some(done) = roles.into_iter().find_map(|role| role(campaign, args.clone())) {
        return done.map(|()| true);
    }
    let json = args.flag("json")?;
    let reports = match campaign {
        "bounds" => bounds::command(args)?,
        "bulk" => bulk::command(args)?,
        "open" => open::command(args)?,
        "kill" => kill::command(args)?,
        "damage" => damage::command(args)?,
        "dump-damage" => dump_damage::command(args)?,
        "fence" => fence::command(args)?,
        "faults" => faults::command(args)?,
        "freeze" => freeze::command(args)?,
        "fronts" => fronts::command(args)?,
        "full-disk" => full_disk::command(args)?,
        "move-kill" => move_kill::command(args)?,
        "limits" => limits::command(args)?,
        "hostile-keys" => hostile::command(args)?,
        "permissions" => permissions::command(args)?,
        "secrets" => secrets::command(args)?,
        "vector-kill" => vector_kill::command(args)?,
        #[cfg(feature = "s3")]
        "cold-start" => larder_sim::cold_start::command(args)?,
        #[cfg(feature = "s3")]
        "wire" => larder_sim::wire::command(args)?,
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            return Ok(true);
        }
        "" => return Err(format!("which campaign?\n\n{HELP}").into()),
        other => return Err(format!("there is no campaign {other:?}\n\n{HELP}").into()),
    };
    match json {
        true => reports.iter().for_each(|report| println!("{}", report.json())),
        false => print!("{}", report::table(&reports)),
    }
    Ok(reports.iter().all(report::Report::is_good))
}
