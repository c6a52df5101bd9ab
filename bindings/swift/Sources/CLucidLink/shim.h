#include <lucidlink.h>
