"""The fields of what `--json` prints for each verb; `genzoo.cli.json_schemas` makes JSON Schemas of them."""

FIELDS = """\
metrics
  n                   integer      examples
  standard_error?     {number?}    of each metric, over examples
  monte_carlo_error?  {number?}    where several posterior samples were drawn
  not_available?      {text}       why a metric is null
  details?            any          what metrics tell beside their numbers
  *                   number?      the metrics, by their names with _
entry
  kind                text         model, loss, …: genzoo list --help
  name                text
  summary             text
  paper               text
  origin              text         package and version
  theory              text         what genzoo prove found last
overview
  run                 text         its folder
  status              text         running, finished, killed, failed, …
  reason              text         of a failure
  model               text
  loss                text
  data                text
  started             number       seconds since 1970
  seconds             number
  epochs              integer
  epochs_asked        integer
  last_loss           number?      of the last epoch
  bytes               integer
  bytes_of_checkpoints  integer
  tags                [text]
  note                text
run, resume
  run                 text         its folder
  train?              metrics
  validation?         metrics
  test?               metrics
  training            {any}        epochs, seconds, images_per_second, …
  measure             text         of p(x|z): probability, density or none
  latents             integer?
  parameters          integer
  weights             text         SHA-256
  *                   any          more, as in results.json
run --dry-run
  parameters          integer
  device              text
  seconds             number       of training
  memory              number       bytes
  disk                number       bytes
  options             {any}        those that are not the defaults
  few_steps           text         what to type for more steps, or ""
  *                   any          more: steps, examples, mode, …
run --on, bench --on, race --on, sweep --on, reproduce --on
  started             [text]       what the launcher calls them: numbers of jobs
list
  entries             [entry]
info
  entries             []           one of each kind that has the name
    *                 any          as in list
    about             {[text]}     by label: objective, losses, size, …
    options           []
      option          text
      kind            text
      help            text
data list
  datasets            []
    name              text
    state             text
    where             text         folder
data path
  path                text
data verify
  files               []
    path              text
    problem           text?        null: it is right
data add
  added               []
    from              text
    to                text
data clear
  files               integer      removed
  bytes               integer      freed
  folder              text?
evaluate
  run                 text         its folder
  split               text
  samples             integer      posterior samples of each example
  seed                integer
  known_density?      any          mean −ln p(x), where it is known
  n                   integer      examples
  standard_error?     {number?}    and the rest of metrics
  monte_carlo_error?  {number?}
  not_available?      {text}
  details?            any
  *                   number?      the metrics
evaluate --several
  runs                [any]        of each what is above
sample
  run                 text         its folder
  file                text         that was written
  n                   integer      examples
  drawn               text         from what
sample --several, reconstruct --several
  runs                [any]        of each what is without it
reconstruct
  run                 text         its folder
  file                text         that was written
  n                   integer      examples
  measured            text         MSE, or wrong tokens
  mean                number       of it
  examples            []           of given files
    example           text
    error             number
interpolate
  run                 text         its folder
  file                text         that was written
  from                text
  to                  text
  steps               integer
  mode                text
traverse
  run                 text         its folder
  file                text         that was written
  dimensions          [integer]
  steps               integer
  range               number
  around              text
augment
  run                 text         its folder
  file                text         that was written
  inputs              integer
  n                   integer      variations of each
  scale               number
anomaly
  run                 text         its folder
  score               text         the metric
  higher_is_anomalous  boolean
  file                text?        of --out
  ranking?            []           of data without classes
    example           text
    score             number
  model?              {number?}    AUROC of each class against the rest
  interval_95?        {[number]}   of these
  pixel_sum?          {number?}    a baseline
  pca?                {number?}    a baseline
  components?         integer      of it
  left_out?           {any}        the classes left out of training
  n?                  integer
  anomalies?          integer      examples of these classes
  auroc?              {number}     by method
  auprc?              {number}
  auroc_interval_95?  {[number]}
  auprc_interval_95?  {[number]}
denoise
  run                 text         its folder
  file                text         that was written
  n                   integer      images
  sigma               number?      of the noise that was added
  psnr_db             {number}     by method
impute
  run                 text         its folder
  file                text         that was written
  n                   integer      examples
  filled?             integer      empty cells
  draws?              integer      of each example
  squared_error?      {number}     of hidden values, by method
  log_hidden?         number?      ln p(hidden|known), nats an example
  exactness?          text?        exact, bound or estimate
compress
  run                 text         its folder
  n                   integer      examples
  rate_bits           number?      the mean KL, bits an example
  psnr_db?            number
  png_bits?           number
  not_available?      {text}
  *                   number?      the distortion, by its metric
embed
  run                 text         its folder
  file                text         that was written
  n                   integer      examples
  arrays              [text]       what the file holds
report
  reports             []           one for each run
    run               text         its folder
    file              text         that was written
runs, runs list, runs show, watch
  runs                [overview]
runs diff
  options             {[any]}      the two values of each that differs
  environment         [text]       what else differs
runs tag
  run                 text         its folder
  tags                [text]
runs note
  run                 text         its folder
  note                text
runs clean
  cleaned             integer      runs
  bytes               integer      freed
runs rm
  removed             [text]       runs
  bytes               integer      freed
compare
  figure              text?        of --figure
  tables              []           one for each protocol
    protocol          text
    sorted_by         text         a metric
    sorted_on         text         a split
    rows              [{any}]      model, options, runs, seeds, metrics, …
    paired            any          the test of the best two rows, or null
    warnings          [text]
    rate_distortion   [any]        curves of runs that differ in --beta
bench, race
  command?            [text]
  picture?            text?
  tables?             [{any}]      of bench; missing without results
  failures            [text]       runs without results
  *                   any          of race: budget, contests, …
sweep
  command?            [text]
  looked_at?          text         how many were looked at to choose among
  tables?             [{any}]      rows, the best first; best: options, runs
  failures            [text]       runs without results
bench --dry-run, race --dry-run, sweep --dry-run, reproduce --dry-run
  rows                [{any}]      each configuration: run, left, …
  planned             integer      runs in all
  left                integer      runs that are not there yet
  seconds             number       of training, one after another
  disk                number       bytes
  failures            [text]       configurations that cannot be trained
bench --worker, race --worker, sweep --worker, reproduce --worker
  finished            integer      runs, those of others too
  planned             integer      runs in all
  held                integer      runs that others make
  failures            [text]
reproduce --list
  cards               [{any}]
reproduce
  name                text         of the card
  claims              [{any}]
  found               [{any}]      of each claim: published, ours, verdict, …
  failures            [text]       runs without results
  *                   any          more of the card
plugins
  plugins             []
    distribution      text
    version           text
    plugin            text
    api               integer?
    file              text?
    registers         {[text]}     names by kind
    milliseconds      number       to load it
    error             text         why it is disabled
    suggestion        text
new-plugin
  folder              text
  files               [text]
  next                [text]       what to type
check
  findings            []
    kind              text
    name              text
    check             text
    verdict           text         PASS, WARN, FAIL or n/a
    *                 any          on, found, expected, suggestion, at, …
check --theory, prove
  proofs              []
    kind              text
    name              text
    theory            text         its function
    verdict           text         proved, bounded, refuted, broken, unproved
    fault             text
    seconds           number
    cases             [{any}]      what, found, truth, tolerance, holds, …
doctor
  broken              integer      how many checks found something broken
  checks              []
    check             text
    state             text
    text              text         what was found
    suggestion        text         what to type
config, config show
  file                text
  defaults            {any}        of each key: its value, and where it is from
config set, config unset
  key                 text
  value               any          that holds now
config path
  file                text
completion
  shell               text
  script              text
help json
  schemas             {any}        the JSON Schema of each verb
"""
"""For each verb, and for kinds that several share, a line for each field: its name, kind and meaning.

An indented line is a field of the one above it. A verb with an option is another form of its result.
"""
