"""Make data/mnist_small: the first 300 training and 100 test pictures of each digit.

Usage: python data/scripts/make_mnist_small.py mnist_6000_2000.npz
"""

import sys
from pathlib import Path

from contact_sheets import write_sheets

if __name__ == "__main__":
    names = [str(digit) for digit in range(10)]
    write_sheets(sys.argv[1], names, Path(__file__).parents[1] / "mnist_small")
