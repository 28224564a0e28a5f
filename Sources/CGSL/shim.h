// The parts of the GNU Scientific Library that `Statistics` and `EventKernel` wrap.
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_qrng.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_roots.h>

// GSL declares its solver and sequence types as variables, which Swift takes for shared mutable state.
static inline const gsl_root_fsolver_type *cgsl_root_fsolver_brent(void) {
  return gsl_root_fsolver_brent;
}

static inline const gsl_qrng_type *cgsl_qrng_sobol(void) {
  return gsl_qrng_sobol;
}
