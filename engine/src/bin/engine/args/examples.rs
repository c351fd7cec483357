//! What `--help` shows below the options.

pub const ENGINE: &str = "\
Examples:
  engine init                           a starter configuration; edit it, then once more
  engine run                            points on schedule, copies whenever a destination is there
  engine status                         what is protected and what is not, and why
  engine restore documents --to DIR     the newest point of the job `documents`

`engine COMMAND --help` has examples for each command.
Exit codes: 0 all done, 1 failed, 2 wrong command line or configuration, 3 done in part, 4 damage.";

pub const INIT: &str = "\
Examples:
  engine init                           writes ./offsite.toml if there is no configuration
  engine --config my.toml init          makes the home vault and the vaults of all destinations that are there";

pub const ENROL: &str = "\
Examples:
  engine enrol usb                      a second drive that takes turns, or one that was not there at `init`
  engine enrol usb --moved              the drive that is known, in another file system than before";

pub const RETIRE: &str = "\
Examples:
  engine retire office                  nothing is copied there any more; what it holds can still be restored
  engine retire usb --medium ID         only that drive; `engine points --json` shows the ids";

pub const BACKUP: &str = "\
Examples:
  engine backup                         every job
  engine backup documents ledger        these two
  engine backup documents --paranoid    reads every file, even one that seems unchanged";

pub const COPY: &str = "\
Examples:
  engine copy                           all that is owed, to every destination that is there
  engine copy --destination usb         before the drive goes into the safe
  engine copy --dry-run                 what would be copied, evicted and removed, and why";

pub const RUN: &str = "\
Examples:
  engine run                            the service; SIGTERM or Ctrl-C ends it
  engine run --once                     all that is due, for cron";

pub const STATUS: &str = "\
Examples:
  engine status
  engine status --json";

pub const POINTS: &str = "\
Examples:
  engine points
  engine points --job documents --json";

pub const EXPLAIN: &str = "\
Examples:
  engine explain                        what would be done now, and why
  engine explain documents~1            why that point is, or is not, where it is
  engine explain usb                    what was evicted there, and what would be lost with it";

pub const LS: &str = "\
Examples:
  engine ls documents                   the newest point of the job
  engine ls documents~1 home/ann/Documents/letters
  engine ls 3fa9 --json";

pub const FIND: &str = "\
Examples:
  engine find '*.odt'
  engine find 'Documents/**/tax-*'";

pub const DIFF: &str = "\
Examples:
  engine diff documents~1 documents     what changed between the last two points
  engine diff 3fa9 b710 --json";

pub const DUMP: &str = "\
Examples:
  engine dump documents home/ann/Documents/letter.odt > letter.odt";

pub const RESTORE: &str = "\
Examples:
  engine restore documents --to /tmp/back
  engine restore documents~1 --to /tmp/back --path home/ann/Documents/letters
  engine restore 3fa9 --to /tmp/back --from usb
  engine restore documents --to / --overwrite
  engine restore disk --to-device /dev/sdb              a drive's image, onto a drive";

pub const VERIFY: &str = "\
Examples:
  engine verify                         home and every destination that is there
  engine verify usb --repair            replaces what is damaged there from a good placement
  engine verify home --repair           fetches back what home has lost
  engine verify --sample 1%             a random part of each place, until something is bad
  engine verify --older-than 30d --max-duration 10m
                                        what was not read for a month, for ten minutes: each night some of it";

pub const FORGET: &str = "\
Examples:
  engine forget --dry-run               what the keep rules would remove
  engine forget documents
  engine forget --point 3fa9            this point, everywhere";

pub const PIN: &str = "\
Examples:
  engine pin documents                  the newest point of the job
  engine pin 3fa9";

pub const UNPIN: &str = "\
Examples:
  engine unpin 3fa9";

pub const ALARM: &str = "\
Examples:
  engine alarm clear documents";

pub const REBUILD: &str = "\
Examples:
  engine catalog rebuild                from home and every destination that is there
  engine catalog rebuild --from usb     then `engine verify home --repair` fetches the points back";

pub const RECOVER: &str = "\
Examples:
  engine recover --from file:///media/ann/BACKUP/offsite --passphrase-file F
  engine recover --from file:///media/ann/BACKUP/offsite --sheet recovery-sheet.txt --to /tmp/back
  engine recover --from file:///media/ann/BACKUP/offsite --passphrase-file F --take-over";

pub const KEY_LIST: &str = "\
Examples:
  engine key list";

pub const KEY_ADD: &str = "\
Examples:
  engine key add --new-passphrase-file F --label \"Ben's\"
  engine key add --new-passphrase-file F --sheet recovery-sheet.txt     where the passphrase is forgotten";

pub const KEY_REMOVE: &str = "\
Examples:
  engine key remove 3fa9                at every medium that is there now; others when they are";

pub const KEY_CHANGE: &str = "\
Examples:
  engine key change --new-passphrase-file F     then put it where the configuration says
  engine key change --new-passphrase-file F --sheet recovery-sheet.txt";

pub const KEY_SHEET: &str = "\
Examples:
  engine key sheet                      writes state/recovery-sheet-ID.txt and .html; older sheets stay good until removed";

pub const SEED_EXPORT: &str = "\
Examples:
  engine seed export --destination office --to /media/ann/POST        what office lacks, until the drive is full
  engine seed export --destination office --to /media/ann/POST        again after it was pulled: goes on where it was
  engine seed export --destination office --to /media/ann/POST2 --continue    the rest on one more drive

Then unmount the drive and send it. Exit 3: the drive is ready, and more is left than it takes.";

pub const SEED_ABSORB: &str = "\
Examples:
  engine seed absorb --from /media/POST --into file:///srv/offsite
  engine seed absorb --from /media/POST --into sftp://ann@backup.example/srv/offsite --password-file pw

Whoever receives the drive does this, as the user whose folder the vault is. Exit 4, and no receipt: the drive is damaged or
for another vault, or other bytes lie in the vault under one of its names.";

pub const SEED_STATUS: &str = "\
Examples:
  engine seed status                    exporting, exported, shipped, absorbed, verified, drilled
  engine seed status --json             the same for scripts

What has come is looked into: every length, and a sample of the bytes. Then its points are `present`; they are `complete`
once `engine copy` or the service has read the rest back.";

pub const SEED_FORGET: &str = "\
Examples:
  engine seed forget office             the drive is lost: what was on it goes over the wire";

pub const KEY_ROTATE: &str = "\
Examples:
  engine key rotate --dry-run           how much is stored anew, how long that takes, what opens nothing any more
  engine key rotate                     asks first; then print the new sheet
  engine key rotate --reuse-old --yes   stores nothing anew, and protects only what is new";
