"""Trains and exports model/diabetes.onnx: ten numbers of a patient -> the disease's progress within a year.

    pip install numpy scikit-learn torch onnx onnxscript
    python train.py          # -> diabetes.onnx, calibration.npz, ../data/patients.csv; seconds on one core
"""

import os

import numpy as np
import torch
import torch.nn as nn
from sklearn import datasets

SEED = 11
HERE = os.path.dirname(os.path.abspath(__file__))
N_TEST = 200
FEATURES = ['age', 'sex', 'bmi', 'bp', 's1', 's2', 's3', 's4', 's5', 's6']


def data():
    """scikit-learn's diabetes set; features standardized over the training part."""
    d = datasets.load_diabetes()
    x = d.data.astype(np.float32)
    y = d.target.astype(np.float32)[:, None]
    order = np.random.RandomState(SEED).permutation(len(x))
    test, train = order[:N_TEST], order[N_TEST:]
    mean, std = x[train].mean(0), x[train].std(0) + 1e-9
    x = ((x - mean) / std).astype(np.float32)
    return x[train], y[train], x[test], y[test]


def fit(net, x, y, epochs=60, batch=32, lr=3e-3, weight_decay=3e-2):
    torch.manual_seed(SEED)
    net.train()
    steps = epochs * ((len(x) + batch - 1) // batch)
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps, pct_start=0.15)
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for i in range(0, len(x), batch):
            b = order[i : i + batch]
            loss = nn.functional.mse_loss(net(x[b]), y[b])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    return net.eval()


def main():
    torch.manual_seed(SEED)
    x, y, x_test, y_test = data()
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
    mean, std = float(y.mean()), float(y.std())
    fit(net, torch.from_numpy(x), (torch.from_numpy(y) - mean) / std)
    with torch.no_grad():  # the last layer answers in the target's own unit
        net[-1].weight *= std
        net[-1].bias.mul_(std).add_(mean)
        predicted = net(torch.from_numpy(x_test)).numpy()
    print('r2', 1 - ((predicted - y_test) ** 2).sum() / ((y_test - y_test.mean()) ** 2).sum())
    torch.onnx.export(
        net,
        (torch.from_numpy(x[:2]),),
        os.path.join(HERE, 'diabetes.onnx'),
        input_names=['x'],
        output_names=['y'],
        opset_version=17,
        dynamo=False,
        dynamic_axes={'x': {0: 'batch'}, 'y': {0: 'batch'}},
    )
    np.savez_compressed(os.path.join(HERE, 'calibration.npz'), x=x[:64])
    with open(os.path.join(HERE, '..', 'data', 'patients.csv'), 'w') as file:
        file.write(','.join([*FEATURES, 'progress']) + '\n')
        for row, truth in zip(x_test, y_test):
            file.write(','.join(str(value) for value in row) + f',{int(truth[0])}\n')


main()
