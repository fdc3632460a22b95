# R's mmrm, nlme and lme4, timed inside R: one case in a process of its own.
#
#   Rscript peers.R installed out.csv
#   Rscript peers.R CALL data.csv out.csv RUNS OUTCOME FORMULA SUBJECT VISIT ARM LEVELS
#
# CALL is satterthwaite, kenward-roger, cr2, gls or lmer. LEVELS is the order of levels of factors:
# "alphabet" or "appearance". A fit of the first 200 patients warms up and is not counted.

packages <- c("mmrm", "nlme", "lme4", "emmeans")

installed <- function(out) {
  version <- function(name) {
    tryCatch(as.character(packageVersion(name)), error = function(e) "")
  }
  write.csv(
    data.frame(
      name = c("R", packages, "BLAS"),
      version = c(
        paste(R.version$major, R.version$minor, sep = "."),
        vapply(packages, version, ""),
        basename(dirname(extSoftVersion()[["BLAS"]]))
      )
    ),
    out, row.names = FALSE
  )
}

peak_gigabytes <- function() {
  status <- "/proc/self/status"
  if (!file.exists(status)) return(NA)
  line <- grep("^VmHWM", readLines(status), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) * 1024 / 1e9
}

read <- function(path, factors, levels) {
  data <- read.csv(path, stringsAsFactors = FALSE)
  for (name in factors) {
    found <- unique(data[[name]])
    data[[name]] <- factor(data[[name]], levels = if (levels == "alphabet") sort(found) else found)
  }
  data
}

told <- function(fit, arm, visit, ...) {
  means <- emmeans::emmeans(fit, as.formula(paste("~", arm, "|", visit)), ...)
  as.data.frame(summary(means, infer = c(TRUE, FALSE)))
  table <- as.data.frame(
    summary(emmeans::contrast(means, "pairwise", adjust = "none"), infer = c(TRUE, TRUE))
  )
  list(loglik = as.numeric(logLik(fit)), estimate = table$estimate, error = table$SE)
}

with_mmrm <- function(formula, subject, visit, arm, method, vcov) {
  full <- as.formula(paste0(formula, " + us(", visit, " | ", subject, ")"))
  function(data) {
    fit <- mmrm::mmrm(full, data = data, method = method, vcov = vcov)
    summary(fit)
    told(fit, arm, visit)
  }
}

# Each combination takes seconds with this sandwich: the last coefficient in place of all.
with_cr2 <- function(formula, subject, visit) {
  full <- as.formula(paste0(formula, " + us(", visit, " | ", subject, ")"))
  function(data) {
    fit <- mmrm::mmrm(full, data = data, method = "Satterthwaite", vcov = "Empirical-Bias-Reduced")
    last <- as.numeric(seq_along(coef(fit)) == length(coef(fit)))
    mmrm::df_1d(fit, last)
    list(loglik = as.numeric(logLik(fit)), estimate = numeric(0), error = numeric(0))
  }
}

# Residual degrees of freedom, which cost nothing.
with_gls <- function(formula, subject, visit, arm) {
  parts <- list(
    F = as.formula(formula), C = as.formula(paste("~ as.integer(", visit, ") |", subject)),
    V = as.formula(paste("~ 1 |", visit))
  )
  function(data) {
    fit <- eval(substitute(
      nlme::gls(
        F, data = data, method = "REML",
        correlation = nlme::corSymm(form = C), weights = nlme::varIdent(form = V)
      ),
      parts
    ))
    summary(fit)
    told(fit, arm, visit, mode = "df.error", data = data)
  }
}

# An unstructured covariance with one parameter too many; normal intervals.
with_lmer <- function(formula, subject, visit, arm) {
  full <- as.formula(paste0(formula, " + (0 + ", visit, " | ", subject, ")"))
  quiet <- lme4::lmerControl(check.nobs.vs.nRE = "ignore")
  function(data) {
    fit <- lme4::lmer(full, data = data, REML = TRUE, control = quiet)
    summary(fit)
    told(fit, arm, visit, lmer.df = "asymptotic")
  }
}

measure <- function(call, path, out, runs, outcome, formula, subject, visit, arm, levels) {
  data <- read(path, c(subject, visit, arm), levels)
  data <- data[!is.na(data[[outcome]]), ]
  # Linear: the adjustment that SAS has and that ours is compared with.
  run <- switch(call,
    "satterthwaite" = with_mmrm(formula, subject, visit, arm, "Satterthwaite", "Asymptotic"),
    "kenward-roger" = with_mmrm(
      formula, subject, visit, arm, "Kenward-Roger", "Kenward-Roger-Linear"
    ),
    "cr2" = with_cr2(formula, subject, visit),
    "gls" = with_gls(formula, subject, visit, arm),
    "lmer" = with_lmer(formula, subject, visit, arm)
  )
  quietly <- function(expr) suppressMessages(suppressWarnings(expr))
  head <- droplevels(data[data[[subject]] %in% utils::head(unique(data[[subject]]), 200), ])
  try(quietly(run(head)), silent = TRUE)
  wall <- cpu <- Inf
  for (k in seq_len(as.integer(runs))) {
    taken <- system.time(found <- quietly(run(data)))
    wall <- min(wall, taken[["elapsed"]])
    cpu <- min(cpu, taken[["user.self"]] + taken[["sys.self"]])
  }
  listed <- function(x) paste(format(x, digits = 15, trim = TRUE), collapse = " ")
  write.csv(
    data.frame(
      wall = wall, cpu = cpu, memory = peak_gigabytes(), llf = listed(found$loglik),
      estimates = listed(found$estimate), errors = listed(found$error)
    ),
    out, row.names = FALSE
  )
}

asked <- commandArgs(trailingOnly = TRUE)
if (asked[1] == "installed") installed(asked[2]) else do.call(measure, as.list(asked))
