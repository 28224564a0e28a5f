// The parts of the GNU Scientific Library that `Statistics` wraps.
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_roots.h>
#include <gsl/gsl_math.h>

// GSL declares its solver types as variables, which Swift takes for shared mutable state.
static inline const gsl_root_fsolver_type *cgsl_root_fsolver_brent(void) {
  return gsl_root_fsolver_brent;
}
