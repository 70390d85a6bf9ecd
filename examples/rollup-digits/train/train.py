"""Trains and exports model/digits.onnx: a picture of 32x32 in dim light -> the digit on it.

    pip install numpy scipy scikit-learn torch onnx onnxscript
    python train.py          # -> digits.onnx, calibration.npz; minutes on one core
"""

import os

import numpy as np
import torch
import torch.nn as nn
from scipy.ndimage import zoom
from sklearn import datasets

SEED = 11
HERE = os.path.dirname(os.path.abspath(__file__))
N_TEST = 400


def data():
    """scikit-learn's digits, 8x8, enlarged to 32x32 (bilinear), in dim light with sensor noise, in steps of 1/255 like a
    picture of 8 bits. src/picture.ts does the same to a drawing."""
    d = datasets.load_digits()
    pictures = np.stack([zoom(image, 4, order=1) for image in d.images]) / 16
    noise = np.random.RandomState(SEED + 1)
    light = noise.uniform(0.35, 0.9, (len(pictures), 1, 1))
    pictures = pictures * light + 0.15 + noise.randn(*pictures.shape) * 0.22
    pictures = (np.round(np.clip(pictures, 0, 1) * 255) / 255).astype(np.float32)[:, None]
    order = np.random.RandomState(SEED).permutation(len(pictures))
    test, train = order[:N_TEST], order[N_TEST:]
    labels = d.target.astype(np.int64)
    return pictures[train], labels[train], pictures[test], labels[test]


class Network(nn.Module):
    def __init__(self, channels=(16, 32, 64), hidden=64):
        super().__init__()
        layers, width = [], 1
        for c in channels:
            layers += [nn.Conv2d(width, c, 3, padding=1, bias=False), nn.BatchNorm2d(c), nn.ReLU(), nn.MaxPool2d(2)]
            width = c
        self.f = nn.Sequential(*layers)
        self.h = nn.Sequential(
            nn.Flatten(),
            nn.Linear(width * (32 >> len(channels)) ** 2, hidden),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(hidden, 10),
        )

    def forward(self, x):
        return self.h(self.f(x))


def shift(x, most=2):
    dx, dy = np.random.randint(-most, most + 1, 2)
    return torch.roll(x, (int(dy), int(dx)), (2, 3))


def fit(net, x, y, epochs=10, batch=64, lr=4e-3, weight_decay=1e-3):
    torch.manual_seed(SEED)
    np.random.seed(SEED)
    net.train()
    steps = epochs * ((len(x) + batch - 1) // batch)
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.15)
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for i in range(0, len(x), batch):
            b = order[i : i + batch]
            loss = nn.functional.cross_entropy(net(shift(x[b])), y[b])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return net.eval()


def main():
    torch.manual_seed(SEED)
    x, y, x_test, y_test = data()
    net = fit(Network(), torch.from_numpy(x), torch.from_numpy(y))
    with torch.no_grad():
        print('accuracy', (net(torch.from_numpy(x_test)).argmax(1).numpy() == y_test).mean())
    torch.onnx.export(
        net,
        (torch.from_numpy(x[:2]),),
        os.path.join(HERE, 'digits.onnx'),
        input_names=['x'],
        output_names=['y'],
        opset_version=13,
        dynamo=False,
        dynamic_axes={'x': {0: 'batch'}, 'y': {0: 'batch'}},
        # BatchNormalization stays in the graph, as many exporters leave it.
        training=torch.onnx.TrainingMode.PRESERVE,
    )
    np.savez_compressed(os.path.join(HERE, 'calibration.npz'), x=x[:64])


main()
